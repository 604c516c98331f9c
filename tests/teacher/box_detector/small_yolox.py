"""A network of the form of YOLOX in an ONNX file: it finds what is red, and what is blue."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NUM_CLASSES = 3


def write_small_yolox(path: Path, size_hw: tuple[int, int] = (64, 96)) -> Path:
    """Write a file of (1, 3, H, W) to (1, cells, 5 + 3).

    A cell of a grid gives a box of twice its side round its middle; the box's score is 1, that of
    class 0 is the mean red of the cell (of 255), those of classes 1 and 2 are half and all of its
    blue.
    """
    rows = np.zeros((8, 3), np.float32)  # of BGR
    rows[5, 2], rows[6, 0], rows[7, 0] = 1 / 255, 0.5 / 255, 1 / 255
    constants = np.array([0.5, 0.5, np.log(2), np.log(2), 1, 0, 0, 0], np.float32)
    nodes, grids = [], []
    for stride in (8, 16, 32):
        pooled, mixed, flat, turned = (f"{name}{stride}" for name in "pmft")
        sides = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
        nodes += [
            helper.make_node("AveragePool", ["images"], [pooled], **sides),
            helper.make_node("Conv", [pooled, "weight", "bias"], [mixed]),
            helper.make_node("Reshape", [mixed, "shape"], [flat]),
            helper.make_node("Transpose", [flat], [turned], perm=[0, 2, 1]),
        ]
        grids.append(turned)
    nodes.append(helper.make_node("Concat", grids, ["output"], axis=1))
    tensors = {
        "weight": rows.reshape(8, 3, 1, 1),
        "bias": constants,
        "shape": np.array([1, 8, -1], np.int64),
    }
    shape = (1, 3, *size_hw)
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, (1, None, 8))],
        [numpy_helper.from_array(tensor, name) for name, tensor in tensors.items()],
    )
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), path)
    return path
