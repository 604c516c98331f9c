"""Networks of road scenes as teachers: a label set a network and score."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacher.findings import Teacher
from teacher.maskomaly.querying.queries import Queries, read_queries
from teacher.maskomaly.run_files import BEST, QUERIES, VERSION, WITH_QUERIES
from teacher.plans import PlannedSet, TeacherPlan
from util.config import MaskomalySection, TeacherSection
from util.data_classes import BoxSettings, Device
from util.errors import UserError
from util.label_set import CHOSEN_ON
from util.settings import settings_hash
from util.weights.identity import weights_identity

if TYPE_CHECKING:
    from teacher.inference.cache import Cache


def plan(teacher: TeacherSection, section: MaskomalySection, runs: Path) -> TeacherPlan:
    """Plan a label set for each network and score, `NETWORK-SCORE`.

    Raises:
        UserError: A network or its queries are missing.
    """
    missing = []
    for network in section.networks:
        folder = runs / network
        if not (folder / BEST).is_file():
            missing.append(
                f"{folder} has no {BEST}; train it with teacher/maskomaly/train_mask2former.py, or "
                "make it of weights with run_from_weights.py there, or name another run in "
                "maskomaly.networks"
            )
        elif WITH_QUERIES.intersection(section.scores) and not (folder / QUERIES).is_file():
            missing.append(
                f"{folder} has no {QUERIES}; choose queries with teacher/maskomaly/"
                "inlier_queries.py and outlier_queries.py, or take other maskomaly.scores"
            )
    remarks: list[str] = []
    for network in section.networks if WITH_QUERIES.intersection(section.scores) else ():
        if (path := runs / network / QUERIES).is_file():
            queries = read_queries(path)
            if not (queries.outlier_queries or queries.images):
                missing.append(
                    f"{path} names no outlier queries, without which maskomaly is half of itself; "
                    "run teacher/maskomaly/outlier_queries.py"
                )
            remarks += _remarks(path, queries)
    if missing:
        raise UserError("\n".join(missing))
    return TeacherPlan(
        label_sets={
            f"{network}-{score}": _plan_set(section, runs / network, score)
            for network in section.networks
            for score in section.scores
        },
        describe=lambda _: {"name": "maskomaly", "version": VERSION},
        load=lambda _, cache: _load(section, runs, teacher.device, cache),
        libraries=("torch", "torchvision", "transformers", "timm"),
        remarks=tuple(remarks),
    )


def _remarks(path: Path, queries: Queries) -> list[str]:
    """Say what scores lack that need queries."""
    told = []
    if not queries.outlier_queries:
        told.append(f"{path}: no query saw an anomaly, so nothing raises the score of Maskomaly")
    if not queries.ground_queries:
        told.append(
            f"{path} names no queries of the ground: either none shows it alone, or "
            "teacher/maskomaly/inlier_queries.py was not run"
        )
    return told


def _plan_set(section: MaskomalySection, network: Path, score: str) -> PlannedSet:
    """Plan the label set of a network, by its run, and score, which others do not change."""
    settings: dict[str, Any] = {
        "score": score,
        "network": weights_identity(network / BEST)["sha256"],
    }
    facts, deciding = {}, {"smoothing_px"}
    if score in WITH_QUERIES:
        chosen = (network / QUERIES).read_text(encoding="utf-8")
        deciding |= {"inlier_threshold", "border_threshold", "inlier_weight"}
        deciding |= {"corrected_border_rule"}
        settings["queries"] = settings_hash({"queries": chosen})
        facts = {CHOSEN_ON: sorted(read_queries(network / QUERIES).images)}
    decided = section.decides()
    settings |= {key: decided[key] for key in deciding & decided.keys()}
    return PlannedSet(
        f"{network.name}-{score}", lambda: BoxSettings(object_class="anomaly"), settings, facts
    )


def _load(section: MaskomalySection, runs: Path, device: Device, cache: "Cache | None") -> Teacher:
    from teacher.maskomaly.teacher import load_maskomaly

    return load_maskomaly(section, runs, device, cache)
