"""Road scenes from painted streets to maps: the scripts, one after another, on a small network."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

import analysis.pixel_evaluation
import teacher.maskomaly.inlier_queries
import teacher.maskomaly.learning.training
import teacher.maskomaly.outlier_queries
import teacher.maskomaly.train_mask2former
import teacher.soft_label_generation
import util.demo.make_demo
from teacher.maskomaly.network import load_network
from teacher.maskomaly.querying import choosing
from teacher.maskomaly.querying.queries import PUBLISHED_QUERIES, write_queries
from teacher.maskomaly.run_files import OF_QUERIES
from teacher.maskomaly.segmenting import pass_image, predict_classes
from tests.conftest import ROOT
from tests.student.test_parallel import launch
from util.disk.fingerprints import fingerprint
from util.errors import UserError
from util.images.files import find_images, read_image
from util.label_set import LabelSet
from util.learning.checkpoint import read_checkpoint, save_checkpoint
from util.weights.identity import weights_identity

train = teacher.maskomaly.train_mask2former.main
label = teacher.soft_label_generation.main

SCORES = ["maskomaly", "mask2anomaly", "rba"]


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config of painted streets and of a small network that has been trained; not changed."""
    folder = tmp_path_factory.mktemp("roads")
    demo = folder / "data/road_scenes"
    config = {
        "paths": {"demo": "data/road_scenes"},
        "data": {
            "images": "data/road_scenes/JPEGImages",
            "splits": "data/road_scenes/ImageSets/Segmentation",
            "ground_truth": "data/road_scenes/ground_truth.csv",
            "masks": "data/road_scenes/labels_masks",
            "mask_names": {"$": "_labels_semantic"},
        },
        "demo": {"kind": "road", "scenes": 20, "size_px": 64},
        "teacher": {"name": "maskomaly", "device": "cpu", "cache_gb": 0.1},
        "maskomaly": {"scores": SCORES},
        "mask2former": {
            "masks": "data/road_scenes/SegmentationClass",
            "backbone": "swin-tiny-random",
            "hidden": 32,
            "queries": 8,
            "encoder_layers": 1,
            "points": 64,
            "crop_height_px": 64,
            "crop_width_px": 96,
            "epochs": 3,
            "device": "cpu",
        },
    }
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    arguments = ["--config", str(path)]
    assert util.demo.make_demo.main(arguments) == 0
    assert demo.is_dir()
    assert train(arguments) == 0
    assert teacher.maskomaly.inlier_queries.main(arguments) == 0
    assert teacher.maskomaly.outlier_queries.main(arguments) == 0
    return path


@pytest.fixture
def road(roads: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    shutil.copytree(roads.parent, tmp_path / "copy")
    return tmp_path / "copy" / "config.json"


def test_a_run_holds_what_runs_of_students_hold(roads: Path) -> None:
    run = roads.parent / "runs/mask2former"
    names = {"best.pt", "last.pt", "config.json", "run.json", "metrics.csv", "curves.png"}
    assert names <= {path.name for path in run.iterdir()}
    metrics = pd.read_csv(run / "metrics.csv")
    assert metrics["val_miou"].notna().tolist() == [True, False, True]  # not every epoch
    assert metrics["val_miou"].dropna().between(0, 1).all()
    iou = metrics.filter(like="iou ").iloc[-1]
    assert metrics["val_miou"].iloc[-1] == pytest.approx(iou.mean(), abs=1e-5)  # rounded
    assert metrics["train_loss"].iloc[1] < metrics["train_loss"].iloc[0]


def test_the_queries_are_tables_and_a_choice(roads: Path) -> None:
    run = roads.parent / "runs/mask2former"
    cases = pd.read_csv(run / "times_predicted_stats.csv", index_col="query")
    demo = roads.parent / "data/road_scenes"
    splits, images = demo / "ImageSets/Segmentation", find_images(demo / "JPEGImages")
    num_images = len((splits / "Train.txt").read_text().split())
    assert (cases.sum(axis=1) == num_images).all()
    shares = pd.read_csv(run / "high_conf_stats.csv", index_col="query")
    assert (shares.isna() == (cases == 0)).all(axis=None)
    overlap = pd.read_csv(run / "outlier_overlap.csv")
    queries = json.loads((run / "queries.json").read_text())
    assert overlap.loc[overlap["chosen"], "query"].tolist() == queries["outlier_queries"]
    ids = sorted((splits / "Queries.txt").read_text().split())
    assert queries["images"] == [[i, fingerprint([images[i]])] for i in ids]
    assert queries["num_queries"] == 8


def test_each_score_is_a_label_set_that_is_judged(
    road: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--config", str(road)]
    assert label(arguments) == 0
    for score in SCORES:
        label_set = LabelSet(road.parent / f"label_sets/mask2former-{score}")
        assert len(label_set.ids) == 20
        assert label_set.manifest["settings"]["score"] == score
    judge = [*arguments, "--evaluation.benchmark", "2023"]
    assert analysis.pixel_evaluation.main(judge) == 0
    table = pd.read_csv(road.parent / "runs/road_anomaly.csv")
    assert set(table["method"]) == {
        f"mask2former-{s}" for s in ("maskomaly", "mask2anomaly", "rba")
    }
    capsys.readouterr()
    assert label(arguments) == 0  # nothing is left to be made
    more = [*arguments, "--maskomaly.scores", "eam"]
    assert label(more) == 0
    assert "20 answers found, 0 made" in capsys.readouterr().out  # no network was asked


def test_scores_of_images_that_chose_the_queries_are_said_to_be_in_sample(
    road: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--config", str(road)]
    assert label(arguments) == 0
    chosen = json.loads((road.parent / "runs/mask2former/queries.json").read_text())["images"]
    label_sets = road.parent / "label_sets"
    assert LabelSet(label_sets / "mask2former-maskomaly").chosen_on == set(map(tuple, chosen))
    assert not LabelSet(label_sets / "mask2former-rba").chosen_on  # it has no queries
    capsys.readouterr()
    for split, names, number in (("Queries", chosen, len(chosen)), ("Test", [], 0)):
        assert analysis.pixel_evaluation.main([*arguments, "--data.test_split", split]) == 0
        said = [line for line in capsys.readouterr().out.splitlines() if "in sample" in line]
        sentence = (
            f"mask2former-maskomaly: {number} of {number} images chose its settings, so its "
            "figures are in sample"
        )
        assert said == ([sentence] if names else [])
        table = pd.read_csv(road.parent / "runs/pixel_evaluation.csv").set_index("label_set")
        counts = table.loc[table["split"] == split, "in_sample"].to_dict()
        assert counts == {f"mask2former-{s}": number * (s == "maskomaly") for s in SCORES}


def test_another_threshold_changes_the_score_that_reads_it_alone(road: Path) -> None:
    arguments = ["--config", str(road)]
    assert label(arguments) == 0
    changed = [*arguments, "--maskomaly.inlier_weight", "0.5"]
    with pytest.raises(
        UserError, match=r"-maskomaly was made with .*inlier_weight: default -> 0\.5"
    ):
        label(changed)
    label_sets = road.parent / "label_sets"
    before = {path: path.stat().st_mtime_ns for path in label_sets.rglob("*.png")}
    assert label([*changed, "--overwrite"]) == 0
    made = {path.parent.name for path, t in before.items() if path.stat().st_mtime_ns != t}
    assert made == {"mask2former-maskomaly"}


def test_a_trained_network_gives_what_it_gave_and_a_finished_run_is_left_alone(road: Path) -> None:
    checkpoint = road.parent / "runs/mask2former/best.pt"
    image = read_image(
        next(iter(find_images(road.parent / "data/road_scenes/JPEGImages").values()))
    )
    one, other = (pass_image(load_network(checkpoint), image) for _ in range(2))
    assert torch.equal(one.mask_logits, other.mask_logits)
    classes = predict_classes(one)
    assert classes.shape == image.shape[:2]
    assert classes.max() < one.num_classes
    before = checkpoint.stat().st_mtime_ns
    assert train(["--config", str(road)]) == 0
    assert checkpoint.stat().st_mtime_ns == before


def test_a_stopped_training_ends_as_if_it_had_not_been(
    road: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--config", str(road), "--mask2former.run", "stopped"]
    seen: list[object] = []
    plain = teacher.maskomaly.learning.training.measure

    def measure(*given: object) -> object:
        seen.append(given)
        if len(seen) == 5:  # of 3 batches an epoch
            raise KeyboardInterrupt
        return plain(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(teacher.maskomaly.learning.training, "measure", measure)
    with pytest.raises(KeyboardInterrupt):
        train(arguments)
    runs = road.parent / "runs"
    assert read_checkpoint(runs / "stopped/last.pt")["epoch"] == 1
    assert train(arguments) == 0
    assert len(seen) == 5 + 6  # the second epoch and the third
    straight, resumed = (
        read_checkpoint(runs / name / "last.pt") for name in ("mask2former", "stopped")
    )
    assert straight["epoch"] == resumed["epoch"] == 3
    for name, weights in straight["model"].items():
        assert torch.equal(resumed["model"][name], weights), name


def test_a_cache_changes_no_map(road: Path) -> None:
    arguments = ["--config", str(road), "--maskomaly.scores", "rba"]
    folders = {size: str(road.parent / f"with {size}") for size in ("0", "0.1")}
    for size, folder in folders.items():
        assert label([*arguments, "--teacher.cache_gb", size, "--paths.label_sets", folder]) == 0
    one, other = (LabelSet(Path(folder) / "mask2former-rba") for folder in folders.values())
    for image_id in one.ids:
        np.testing.assert_array_equal(one.read(image_id), other.read(image_id))


def test_two_processes_train_together(road: Path) -> None:
    script = str(ROOT / "teacher/maskomaly/train_mask2former.py")
    launch(2, script, "--config", str(road), "--mask2former.run", "two")
    content = read_checkpoint(road.parent / "runs/two/last.pt")
    assert content["epoch"] == 3
    assert all(value.isfinite().all() for value in content["model"].values())


def test_queries_of_weights_that_were_trained_anew_are_chosen_anew(
    road: Path, caplog: pytest.LogCaptureFixture
) -> None:
    arguments = ["--config", str(road)]
    path = road.parent / "runs/mask2former/queries.json"
    before = json.loads(path.read_text())
    tables = sorted(name for name in OF_QUERIES if (path.parent / name).exists())
    assert tables == sorted(OF_QUERIES)
    assert train([*arguments, "--mask2former.seed", "1", "--overwrite"]) == 0
    assert not any((path.parent / name).exists() for name in OF_QUERIES)
    with pytest.raises(UserError, match=r"queries\.json: the queries were chosen for a network of"):
        label(arguments)
    assert teacher.maskomaly.inlier_queries.main(arguments) == 0
    assert "is of other weights, and is made anew" in caplog.text
    with pytest.raises(
        UserError, match="names no outlier queries, without which maskomaly is half"
    ):
        label(arguments)
    assert teacher.maskomaly.outlier_queries.main(arguments) == 0
    assert json.loads(path.read_text())["weights_sha256"] != before["weights_sha256"]
    assert label(arguments) == 0


def test_queries_that_a_hand_has_written_are_those_of_the_weights_at_hand(
    road: Path, caplog: pytest.LogCaptureFixture
) -> None:
    arguments = ["--config", str(road)]
    run = road.parent / "runs/mask2former"
    told = json.loads((run / "queries.json").read_text())
    (run / "queries.json").write_text(json.dumps(told | {"weights_sha256": ""}))
    nowhere = ["--queries.ground_classes", "Raod"]
    assert teacher.maskomaly.inlier_queries.main([*arguments, *nowhere]) == 0
    assert "queries.ground_classes names Raod, but the classes of" in caplog.text
    again = json.loads((run / "queries.json").read_text())
    assert (
        again["weights_sha256"]
        == told["weights_sha256"]
        == weights_identity(run / "best.pt")["sha256"]
    )
    assert again["outlier_queries"] == told["outlier_queries"]


def test_queries_that_were_chosen_while_others_were_looked_for_stay(
    road: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--config", str(road)]
    path = road.parent / "runs/mask2former/queries.json"
    told = json.loads(path.read_text())
    path.unlink()
    look = choosing.passes_over

    def look_and_be_overtaken(*args: Any) -> Iterator[Any]:
        monkeypatch.setattr(choosing, "passes_over", look)
        assert teacher.maskomaly.outlier_queries.main(arguments) == 0
        yield from look(*args)

    monkeypatch.setattr(choosing, "passes_over", look_and_be_overtaken)
    assert teacher.maskomaly.inlier_queries.main(arguments) == 0
    assert json.loads(path.read_text()) == told


def test_an_image_of_one_cell_is_seen(road: Path) -> None:
    network = load_network(road.parent / "runs/mask2former/best.pt")
    outputs = pass_image(network, np.full((24, 30, 3), 90, np.uint8))
    assert outputs.mask_logits.shape[1:] == (6, 8)
    assert torch.isfinite(outputs.mask_logits).all()


def test_classes_that_are_grouped_otherwise_are_another_training(road: Path) -> None:
    classes = road.parent / "data/road_scenes/SegmentationClass/classes.json"
    names = json.loads(classes.read_text())
    first, second, *_ = [key for key, name in names.items() if name]
    classes.write_text(json.dumps(names | {first: names[second]}))
    with pytest.raises(UserError, match=r"was made with other settings .*class_of_value"):
        train(["--config", str(road)])


def test_masks_of_the_data_are_named_as_the_data_says(road: Path) -> None:
    content = json.loads(road.read_text())
    masks = content["mask2former"].pop("masks")
    content["data"] |= {"masks": masks, "mask_names": {"^": "x_"}}
    content["mask2former"] |= {"run": "named", "epochs": 1}
    road.write_text(json.dumps(content))
    for path in list((road.parent / masks).glob("*.png")):
        path.rename(path.with_name(f"x_{path.name}"))
    assert train(["--config", str(road)]) == 0


@pytest.mark.parametrize(
    ("script", "key"),
    [
        (label, "queries.least_overlap"),
        (teacher.maskomaly.inlier_queries.main, "maskomaly.scores"),
        (teacher.maskomaly.inlier_queries.main, "queries.least_overlap"),
        (teacher.maskomaly.outlier_queries.main, "queries.dominance"),
    ],
)
def test_keys_that_a_script_does_not_read_are_refused(
    roads: Path, script: Callable[[Sequence[str]], int], key: str
) -> None:
    with pytest.raises(UserError, match=f"--{key} is not read by"):
        script(["--config", str(roads), f"--{key}", "1"])


def test_a_missing_library_is_seen_before_a_network_is_loaded(
    roads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("teacher.building.missing_libraries", lambda: ["transformers"])
    with pytest.raises(UserError, match="the teacher needs transformers: python -m pip"):
        label(["--config", str(roads)])


def test_a_network_that_learnt_a_class_of_negatives_gives_the_score_uno(road: Path) -> None:
    arguments, runs = ["--config", str(road)], road.parent / "runs"
    keys = ["run=neg", "negatives=class", "negative_share=1", "epochs=1"]
    told = [part for key in keys for part in f"--mask2former.{key}".split("=")]
    assert train([*arguments, *told]) == 0
    network = ["--maskomaly.networks", "neg"]
    assert teacher.maskomaly.inlier_queries.main([*arguments, *network]) == 0
    assert "negative" in pd.read_csv(runs / "neg/times_predicted_stats.csv").columns
    assert label([*arguments, *network, "--maskomaly.scores", "uno"]) == 0
    uno = LabelSet(road.parent / "label_sets/neg-uno")
    image_id, path = next(iter(find_images(road.parent / "data/road_scenes/JPEGImages").items()))
    outputs = pass_image(load_network(runs / "neg/best.pt"), read_image(path))
    masks = functional.interpolate(outputs.mask_logits[None], scale_factor=4.0, mode="bilinear")
    shares = outputs.class_probabilities()
    weights = shares[:, 12] - shares[:, :12].amax(dim=1)  # the class after the twelve of streets
    score = torch.einsum("q,qhw->hw", weights, masks[0].sigmoid()).numpy()
    expected = (1 + score / (1 + np.abs(score))) / 2  # as `to_unit` brings it to [0, 1]
    np.testing.assert_allclose(uno.read(image_id), expected, atol=0.005)  # 8 bits are kept


def test_padding_is_cut_off_before_maps_are_enlarged(road: Path) -> None:
    network = load_network(road.parent / "runs/mask2former/best.pt")
    image = np.random.default_rng(0).integers(0, 255, (50, 70, 3), np.uint8)
    outputs = pass_image(network, image)
    assert outputs.mask_logits.shape[1:] == (13, 18)
    assert (outputs.input_size_hw, outputs.size_hw) == ((50, 70), (50, 70))


def test_bad_input_is_one_sentence(road: Path, tmp_path: Path) -> None:
    arguments = ["--config", str(road)]
    runs = road.parent / "runs"
    with pytest.raises(UserError, match=r"other has no best\.pt; train it"):
        label([*arguments, "--maskomaly.networks", "other"])
    with pytest.raises(UserError, match="needs a negative class, which mask2former did not learn"):
        label([*arguments, "--maskomaly.scores", "uno"])
    write_queries(runs / "mask2former/queries.json", PUBLISHED_QUERIES)
    with pytest.raises(UserError, match="chosen for a network of 100 queries and 19 classes"):
        label(arguments)
    (runs / "mask2former/queries.json").unlink()
    with pytest.raises(UserError, match=r"mask2former has no queries\.json; choose queries"):
        label(arguments)
    save_checkpoint(runs / "mask2former/best.pt", {"model": {}})
    with pytest.raises(UserError, match="is no network of road scenes"):
        label([*arguments, "--maskomaly.scores", "rba"])
    (road.parent / "data/road_scenes/SegmentationClass/classes.json").unlink()
    with pytest.raises(UserError, match="have no names of classes"):
        train([*arguments, "--mask2former.run", "new"])
    assert not (road.parent / "label_sets").exists()
