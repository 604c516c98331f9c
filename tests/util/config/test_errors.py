import pytest

from util.config import Config, config_fields
from util.config.errors import nearest_keys

KNOWN = [*Config.model_fields, *config_fields(), "overwrite", "preview"]


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("student.epoch", ["student.epochs"]),
        ("epochs", ["mask2former.epochs", "classifier.epochs", "student.epochs"]),
        ("Student.Batch-Size", ["student.batch_size"]),
        ("teacher.promts", ["teacher.prompts"]),
        ("student.prompts", ["teacher.prompts", "study.prompts"]),
        ("techer.prompts", ["teacher.prompts"]),
        ("evaluation.off_target", ["study.off_target"]),
        ("saa.min_area_px", ["saa.min_area"]),  # before evaluation.min_area_px
        ("teacher.detector", ["saa.detector", "boxes.detector"]),
        ("teacher.box_threshold", ["saa.box_threshold", "sam3.box_threshold"]),
        ("teacher.sam3_model", ["sam3.model"]),
        ("paths.run", ["paths.runs"]),  # before student.run
        ("student.batch", ["student.batch_size"]),
        ("batch", []),
        ("student.mod", []),  # not tracking.mode
        ("object", []),  # not project
        ("tile_size_px", ["teacher.tile_size_px", "prediction.tile_size_px"]),
        ("techer", ["teacher", "classifier.teacher"]),
        ("teachers", ["teacher", "study.teachers"]),  # which was meant at the top of a file
        ("overwrit", ["overwrite"]),
        ("student.lr", []),  # not student.run, which only looks alike because of its section
        ("student", ["student"]),
        ("teacher-prompts", ["teacher.prompts"]),
        ("data_images", ["data.images"]),
        ("data.demo_seed", ["demo.seed"]),  # which has a section of its own now
        ("over", ["overwrite"]),
        ("teacher.tile", ["teacher.tile_size_px", "teacher.tile_overlap_px"]),
        ("teacher.s", ["teacher.split"]),
        ("student.e", []),  # too many begin so
        ("x", []),
        ("", []),
    ],
)
def test_the_nearest_key_is_the_one_that_was_meant(wrong: str, meant: list[str]) -> None:
    assert nearest_keys(wrong, KNOWN) == meant


def test_nothing_is_near_where_nothing_is_known() -> None:
    assert nearest_keys("student.epoch", []) == []
