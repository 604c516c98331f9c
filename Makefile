# `make study` and `make test` do all the set-up on a machine with Python 3.11 or newer, pip and make.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: study road smoke streams streams-large streams-small test teacher benchmark check docs pins clean

# Says first where the time will go.
study: $(VENV)/study.done
	$(RUN) analysis/prompt_study.py --plan
	$(RUN) analysis/prompt_study.py

# Streets: a small and a large network, their scores, the ensemble, a student; ROAD names its config.
ROAD ?= configs/road.json
STUDENT := --data.train_split Unlabelled --data.validation_split Queries
road: $(VENV)/teacher.done
	$(RUN) util/demo/make_demo.py --config $(ROAD)
	$(RUN) teacher/maskomaly/train_mask2former.py --config $(ROAD) --mask2former.run small \
		--mask2former.hidden 64 --mask2former.decoder_layers 2 --mask2former.encoder_layers 1 \
		--mask2former.points 1000 --mask2former.epochs 4
	$(RUN) teacher/maskomaly/train_mask2former.py --config $(ROAD)
	$(RUN) teacher/maskomaly/inlier_queries.py --config $(ROAD)
	$(RUN) teacher/maskomaly/outlier_queries.py --config $(ROAD)
	$(RUN) teacher/soft_label_generation.py --config $(ROAD)
	$(RUN) util/multi_teacher/combination_strategies.py --config $(ROAD)
	$(RUN) student/train.py --config $(ROAD) $(STUDENT)
	$(RUN) student/test.py --config $(ROAD) $(STUDENT)
	$(RUN) analysis/heatmaps.py --config $(ROAD)
	$(RUN) analysis/pixel_evaluation.py --config $(ROAD)

# Smoke, from labels of whole images: a classifier, where it sees it, what of that empty frames do
# not show, refined, a student; beside it the same student of true masks. Thresholds are chosen on
# the cameras of Validation.
SMOKE ?= configs/smoke.json
SUPERVISED := --student.label_set truth --student.pixel_weights label_set
smoke: $(VENV)/study.done
	$(RUN) util/demo/make_demo.py --config $(SMOKE)
	$(RUN) teacher/cam/train_classifier.py --config $(SMOKE)
	$(RUN) teacher/soft_label_generation.py --config $(SMOKE)
	$(RUN) teacher/novelty/mark_novelty.py --config $(SMOKE)
	$(RUN) util/refinement/refine_label_set.py --config $(SMOKE)
	$(RUN) student/train.py --config $(SMOKE)
	$(RUN) util/label_set_from_truth.py --config $(SMOKE) --split Train+Validation
	$(RUN) student/train.py --config $(SMOKE) --student.run supervised $(SUPERVISED)
	for run in student supervised; do for split in Validation Test; do \
		$(RUN) student/test.py --config $(SMOKE) --data.test_split $$split --student.run $$run || exit; \
	done; done
	$(RUN) analysis/heatmaps.py --config $(SMOKE)
	$(RUN) analysis/pixel_evaluation.py --config $(SMOKE)

# Cameras: a large and a small detector that know no camera in particular, what both find in the
# banks, students of each camera by strategies and numbers of frames, and cameras in clusters.
# The two detectors are trained at once, each on half of the cores, which takes less time than one
# after the other on all.
STREAMS ?= configs/streams.json
GENERAL := --detector.label_set null --detector.start null
HALF = OMP_NUM_THREADS=$$($(RUN) -c "import os; print(max(os.cpu_count() // 2, 1))")
streams: $(VENV)/study.done
	$(RUN) util/demo/make_demo.py --config $(STREAMS)
	$(MAKE) --jobs 2 streams-large streams-small
	$(RUN) analysis/stream_study.py --config $(STREAMS)
	$(RUN) analysis/cluster_cameras.py --config $(STREAMS)

streams-large:
	$(HALF) $(RUN) student/detection/train_detector.py --config $(STREAMS) $(GENERAL) \
		--detector.run large --detector.width 12 --detector.size_px 256
	$(HALF) $(RUN) teacher/soft_label_generation.py --config $(STREAMS) --boxes.model large

streams-small:
	$(HALF) $(RUN) student/detection/train_detector.py --config $(STREAMS) $(GENERAL) \
		--detector.run small --detector.epochs 4
	$(HALF) $(RUN) teacher/soft_label_generation.py --config $(STREAMS) --boxes.model small

test: $(VENV)/test.done
	OMP_NUM_THREADS=1 $(RUN) -m pytest --numprocesses auto --dist worksteal -m "not timed"
	$(RUN) -m pytest -m timed --benchmark-disable tests/benchmarks tests/test_repository.py

# The libraries of the real teachers; says what is installed and which weights are there.
teacher: $(VENV)/teacher.done
	-$(RUN) teacher/soft_label_generation.py --check

benchmark: $(VENV)/test.done
	$(RUN) -m pytest tests/benchmarks

check: $(VENV)/test.done
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy

# The documentation as a site, site/index.html; nothing is loaded from elsewhere, then or now.
# Not --quiet, which would count no warning, so that --strict could not fail.
docs: $(VENV)/study.done $(VENV)/docs.done
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict
	! grep -rE --include=*.html "(src|@import|<link[^>]*href)=.?https?:" site
	@echo "Next: open site/index.html; to search in it, $(RUN) -m http.server --directory site"

REQUIREMENTS_study := requirements.txt
REQUIREMENTS_teacher := requirements-teacher.txt
REQUIREMENTS_test := requirements-dev.txt
REQUIREMENTS_docs := requirements-docs.txt

# The pins are complete, so pip has nothing to resolve (--no-deps); hashes are checked.
$(VENV)/%.done: requirements.txt requirements-teacher.txt requirements-dev.txt requirements-docs.txt
	$(PYTHON) -c "import sys; sys.exit('Python 3.11 or newer is needed') if sys.version_info < (3, 11) else None"
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --disable-pip-version-check --no-deps -r $(REQUIREMENTS_$*)
	touch $@

# Compiles the pins anew (needs uv); without index addresses, for all platforms and Pythons.
COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
pins:
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) --group pyproject.toml:deploy -c requirements.txt -o requirements-deploy.txt
	$(COMPILE) pyproject.toml --extra teacher -c requirements.txt -o requirements-teacher.txt
	$(COMPILE) pyproject.toml --extra teacher --extra tracking --extra completion --extra cam --extra video --group dev -c requirements-teacher.txt -o requirements-dev.txt
	$(COMPILE) --group pyproject.toml:docs -c requirements-dev.txt -o requirements-docs.txt

clean:
	rm -rf $(VENV)
