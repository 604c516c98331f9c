"""Boxes as Pascal VOC's XML, a file an image; see `util.ground_truth.voc`."""

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from util.exporting.objects import LabelledImage


def write_xml(
    image: LabelledImage, folder: str, file_name: str, depth: int, has_confidence: bool
) -> str:
    """Write the objects of an image.

    VOC counts pixels from 1, and the last one of a box is in it (Everingham et al., The PASCAL
    Visual Object Classes Challenge 2012 Development Kit, section 4): x0, y0, x1, y1 of ours, x1/y1
    exclusive, are x0 + 1, y0 + 1, x1, y1 there.

    Args:
        image: And its objects.
        folder: Where its file lies, below the folder of all images.
        file_name: Of its file.
        depth: How many channels it has.
        has_confidence: Whether each object has a `confidence`, which VOC does not know, too.
    """
    root = Element("annotation")
    _add(root, {"folder": folder, "filename": file_name})
    height, width = image.size_hw
    _add(SubElement(root, "size"), {"width": width, "height": height, "depth": depth})
    _add(root, {"segmented": 0})
    for each in image.objects:
        node = SubElement(root, "object")
        _add(node, {"name": each.obj_class, "pose": "Unspecified", "truncated": 0, "difficult": 0})
        if has_confidence:
            _add(node, {"confidence": each.score})
        x0, y0, x1, y1 = each.box_xyxy
        box = {"xmin": x0 + 1, "ymin": y0 + 1, "xmax": x1, "ymax": y1}
        _add(SubElement(node, "bndbox"), {name: f"{edge:.10g}" for name, edge in box.items()})
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def _add(node: Element, texts: dict[str, str | int | float]) -> None:
    for name, text in texts.items():
        SubElement(node, name).text = str(text)
