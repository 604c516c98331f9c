"""Detectors of transformers beside the library's own post-processing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    RTDetrConfig,
    RTDetrForObjectDetection,
    RTDetrImageProcessor,
    RTDetrResNetConfig,
    YolosConfig,
    YolosForObjectDetection,
    YolosImageProcessor,
)

from teacher.box_detector.choosing import choose_boxes
from teacher.box_detector.class_table import ClassTable, read_class_table
from teacher.box_detector.hugging_face import load_hugging_face_boxes
from teacher.inference.runtime import Runtime
from tests.teacher.box_detector.spreading import spread
from util.detections import BoxRule
from util.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread")

LABELS = {0: "car", 1: "truck", 2: "N/A", 3: "person"}
SIDE_PX = 64


def write_yolos(folder: Path) -> tuple[Any, Any]:
    """Write a small YOLOS, which judges classes by a softmax."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = YolosConfig(
        **sizes,
        intermediate_size=16,
        image_size=[SIDE_PX, SIDE_PX],
        num_detection_tokens=12,
        id2label=LABELS,
    )
    model = YolosForObjectDetection(config).eval()
    model.vit.embeddings.detection_tokens.data.normal_()
    heads = [model.class_labels_classifier.layers[-1], model.bbox_predictor.layers[-1]]
    spread(heads, lambda: model(torch.rand(1, 3, SIDE_PX, SIDE_PX)))
    size = {"shortest_edge": SIDE_PX, "longest_edge": 2 * SIDE_PX}
    processor = YolosImageProcessor(size=size)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return model, processor


def write_rt_detr(folder: Path) -> tuple[Any, Any]:
    """Write a small RT-DETR, which judges each class by a sigmoid."""
    torch.manual_seed(0)
    backbone = RTDetrResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 16, 16, 16],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    config = RTDetrConfig(
        backbone_config=backbone,
        encoder_hidden_dim=16,
        encoder_in_channels=[16, 16, 16],
        encoder_ffn_dim=16,
        encoder_attention_heads=2,
        d_model=16,
        decoder_in_channels=[16, 16, 16],
        decoder_ffn_dim=16,
        decoder_layers=1,
        decoder_attention_heads=2,
        num_queries=12,
        id2label=LABELS,
    )
    model = RTDetrForObjectDetection(config).eval()
    spread(model.model.decoder.class_embed, lambda: model(torch.rand(1, 3, SIDE_PX, SIDE_PX)))
    processor = RTDetrImageProcessor(size={"height": SIDE_PX, "width": SIDE_PX})
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return model, processor


@pytest.fixture
def image_rgb(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (90, 130, 3), dtype=np.uint8)


@pytest.mark.parametrize(("write", "is_exclusive"), [(write_yolos, True), (write_rt_detr, False)])
def test_boxes_are_those_that_the_library_chooses(
    write: Any, is_exclusive: bool, tmp_path: Path, image_rgb: np.ndarray
) -> None:
    model, processor = write(tmp_path)
    confidence = 0.35 if is_exclusive else 0.78  # of RT-DETR it gives no more than the queries
    with torch.inference_mode():
        outputs = model(**processor(image_rgb, return_tensors="pt"))
    (expected,) = processor.post_process_object_detection(
        outputs, confidence, target_sizes=[image_rgb.shape[:2]]
    )
    detector = load_hugging_face_boxes(tmp_path, Runtime("cpu"))
    assert detector.classes == ("car", "truck", "N/A", "person")
    candidates = detector.find(image_rgb, confidence)
    assert candidates.is_exclusive == is_exclusive
    assert candidates.scores.shape == (12, 4)
    table = ClassTable(detector.classes, tuple((i,) for i in range(4)))
    found = choose_boxes(candidates, table, BoxRule(confidence, overlap=1), image_rgb.shape[:2])
    labels = expected["labels"].tolist()
    assert 2 < len(labels) < 12
    assert len(set(labels)) > 1
    order = expected["scores"].argsort(descending=True).tolist()
    boxes = expected["boxes"][order].numpy()
    height, width = image_rgb.shape[:2]
    np.testing.assert_allclose(
        found.boxes_xyxy, boxes.clip(0, (width, height, width, height)), atol=1e-3
    )
    np.testing.assert_allclose(found.confidences, expected["scores"][order], atol=1e-5)
    assert found.classes == tuple(LABELS[labels[i]] for i in order)


def test_merged_classes_have_the_best_score_of_them(tmp_path: Path, image_rgb: np.ndarray) -> None:
    write_rt_detr(tmp_path)
    detector = load_hugging_face_boxes(tmp_path, Runtime("cpu"))
    scores = detector.find(image_rgb, 0).scores
    table = read_class_table({"vehicle": ["car", "truck"]}, detector.classes, "x")
    np.testing.assert_array_equal(table.merge(scores)[:, 0], scores[:, :2].max(axis=1))


def test_folders_of_other_models_and_parts_of_them_are_refused(tmp_path: Path) -> None:
    write_yolos(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(UserError, match="holds no whole AutoModelForObjectDetection"):
        load_hugging_face_boxes(tmp_path, Runtime("cpu"))
    (tmp_path / "config.json").write_text('{"model_type": "owlv2"}')
    with pytest.raises(UserError, match=r"'owlv2'; as a detector of classes there are: .*rt_detr"):
        load_hugging_face_boxes(tmp_path, Runtime("cpu"))
