"""What a folder of SAM 3 must hold, and which thresholds a teacher has that is built of it."""

import inspect
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from transformers import Sam3ImageProcessor

from teacher.building import build_teacher
from teacher.inference.runtime import Runtime
from teacher.sam3.plan import plan
from teacher.sam3.segment_anything_3 import (
    MASK_THRESHOLD,
    SegmentAnything3,
    load_segment_anything_3,
)
from tests.teacher.saa.small_models import paint
from tests.teacher.sam3.small_sam3 import ALL, build, small_model, small_processor, write_folder
from util.config import Sam3Section, TeacherSection
from util.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread")


def load(folder: Path) -> SegmentAnything3:
    return load_segment_anything_3(folder, Runtime("cpu"), 2, ALL)


def test_the_published_folder_is_loaded_whole(tmp_path: Path) -> None:
    model = write_folder(tmp_path)
    image = paint((40, 60))
    (loaded,), (built,) = (teacher.label(image, ["tern"]) for teacher in (load(tmp_path), build()))
    np.testing.assert_allclose(loaded.soft_label, built.soft_label, rtol=1e-5)
    weights = load(tmp_path).model.state_dict()
    assert weights.keys() == model.state_dict().keys()


def test_a_folder_of_the_image_model_alone_is_loaded(tmp_path: Path) -> None:
    small_model().save_pretrained(tmp_path)
    small_processor().save_pretrained(tmp_path)
    assert len(list(load(tmp_path).label(paint((40, 60)), ["tern"]))) == 1


def drop_a_weight(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    del state["detector_model.text_projection.bias"]
    save_file(state, folder / "model.safetensors", {"format": "pt"})


def cut_weights(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:9000])


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (drop_a_weight, "missing: text_projection.bias"),
        (cut_weights, "Sam3Model"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no file named"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "lacks the vocabulary"),
        (lambda folder: (folder / "processor_config.json").unlink(), "Sam3Processor"),
        (lambda folder: (folder / "config.json").unlink(), "the model type None"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "sam"}'), "'sam'"),
        (lambda folder: (folder / "config.json").write_text("{"), "is damaged"),
    ],
)
def test_other_folders_are_refused(tmp_path: Path, spoil: Callable[[Path], None], why: str) -> None:
    write_folder(tmp_path)
    spoil(tmp_path)
    with pytest.raises(UserError) as error:
        load(tmp_path)
    assert str(tmp_path) in str(error.value)
    assert why in str(error.value)
    assert "\n" not in str(error.value)


def test_thresholds_that_the_config_leaves_out_are_those_of_the_library(tmp_path: Path) -> None:
    write_folder(tmp_path)
    settings = TeacherSection(name="sam3", device="cpu")
    teacher = build_teacher(plan(settings, Sam3Section()), {"teacher": tmp_path})
    assert isinstance(teacher, SegmentAnything3)
    process = Sam3ImageProcessor.post_process_instance_segmentation
    own = inspect.signature(process).parameters
    assert teacher.settings.box_threshold == own["threshold"].default
    assert own["mask_threshold"].default == MASK_THRESHOLD
    assert teacher.settings.area_threshold == 1
    by_hand = Sam3Section(box_threshold=0.2, area_threshold=0.05)
    teacher = build_teacher(plan(settings, by_hand), {"teacher": tmp_path})
    assert isinstance(teacher, SegmentAnything3)
    assert (teacher.settings.box_threshold, teacher.settings.area_threshold) == (0.2, 0.05)
