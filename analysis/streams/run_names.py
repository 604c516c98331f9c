"""Names of trainings on streams, which say what was learnt from.

They are those of stream-based active distillation, so that its tables and models can be read here:
`{dataset}-cam1o2-week1o5_{student}_{teacher}_{strategy}_{setting}_{samples}`, with the id of a
tracked run and a dot in front where there is one. The original splits names at every sign, which
fails for those of its strategies that have `_` in their name or say no setting; these are read.
"""

import re
from dataclasses import astuple, dataclass
from typing import Literal

from util.config import StreamsSection
from util.errors import UserError

Setting = Literal["stream-based", "pool-based"]

_PATTERNS = {
    "run_id": r"[A-Za-z0-9-]+",
    "dataset": r"[^\s_./\\]+",
    "numbers": r"[0-9A-Za-np-z]+",
    "model": r"[^\s_/\\]+",
    "strategy": r"[^\s/\\]+?",
}
_NAME = re.compile(
    rf"(?:(?P<run_id>{_PATTERNS['run_id']})\.)?(?P<dataset>{_PATTERNS['dataset']})"
    rf"-cam(?P<cameras>{_PATTERNS['numbers']}(?:o{_PATTERNS['numbers']})*)"
    rf"-week(?P<weeks>{_PATTERNS['numbers']}(?:o{_PATTERNS['numbers']})*)"
    rf"_(?P<student>{_PATTERNS['model']})_(?P<teacher>{_PATTERNS['model']})"
    rf"_(?P<strategy>{_PATTERNS['strategy']})"
    r"(?:_(?P<setting>stream-based|pool-based))?_(?P<samples>0|[1-9][0-9]*)"
)
_FORM = (
    "[ID.]DATASET-camAoB-weekXoY_STUDENT_TEACHER_STRATEGY_stream-based_SAMPLES (or pool-based), a "
    "week for each camera"
)
_POOL = {
    "random",
    "top-confidence",
    "least-confidence",
    "fixed-interval",
    "interval-sampling",
    "frequency",
    "disagreement",
}
"""Strategies that see all frames together."""
_SEED = re.compile(
    r"(random|kmeans|kmeans-cosine|bernoulli-(?:top|least)-confidence-(?:max|min|mean|sum))"
    r"-[0-9]+(?=[+-]|$)"
)
"""What draws, in the name of a strategy, with its seed."""


@dataclass(frozen=True)
class RunName:
    """What the name of a training says.

    Attributes:
        dataset: Whose cameras they are.
        cameras: Which ones, by number, or by letters without `o`, which joins them.
        weeks: Or other period, of each camera.
        student: What learns.
        teacher: What has labelled.
        strategy: What has chosen frames, its aggregation and seed included; see `name_strategy`.
        setting: Whether it sees frames while they come, or all together; None = not said.
        samples: Frames learnt from.
        run_id: Of the tracked run; None without.
    """

    dataset: str
    cameras: tuple[str, ...]
    weeks: tuple[str, ...]
    student: str
    teacher: str
    strategy: str
    setting: Setting | None
    samples: int
    run_id: str | None = None

    def __post_init__(self) -> None:
        """Refuse what would be read as something else.

        Raises:
            UserError: A part has signs that stand between parts; the name is shown.
        """
        match = _NAME.fullmatch(str(self))
        if match is None or _read(match) != astuple(self) or len(self.cameras) != len(self.weeks):
            raise UserError(
                f"{str(self)!r} cannot be the name of a run on streams: expected {_FORM}; parts "
                "have no blank, slash or '_', but strategies, and no '.' in a data set"
            )

    def __str__(self) -> str:
        """Write the name."""
        front = "" if self.run_id is None else f"{self.run_id}."
        setting = "" if self.setting is None else f"_{self.setting}"
        return (
            f"{front}{self.source}_{self.student}_{self.teacher}_{self.strategy}{setting}"
            f"_{self.samples}"
        )

    @property
    def source(self) -> str:
        """What was learnt from, such as `WALT-cam1o2-week1o5`."""
        return f"{self.dataset}-{self.source_domain}-{self.source_period}"

    @property
    def source_domain(self) -> str:
        """The cameras, such as `cam1o2`."""
        return f"cam{'o'.join(self.cameras)}"

    @property
    def source_period(self) -> str:
        """The weeks, such as `week1o5`."""
        return f"week{'o'.join(self.weeks)}"


def parse_run_name(name: str) -> RunName:
    """Read the name of a training.

    Args:
        name: Without a suffix such as `.pt`.

    Raises:
        UserError: It is no such name.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise UserError(f"{name!r} is no name of a run on streams: expected {_FORM}")
    return RunName(*_read(match))  # type: ignore[arg-type]


def _read(match: re.Match[str]) -> tuple[object, ...]:
    """Give the fields of a name in order."""
    cameras, weeks = (tuple(match[key].split("o")) for key in ("cameras", "weeks"))
    choice = match["strategy"], match["setting"], int(match["samples"])
    return match["dataset"], cameras, weeks, match["student"], match["teacher"], *choice, match[1]


def name_strategy(settings: StreamsSection) -> tuple[str, Setting]:
    """Name a strategy as in names of trainings, and say its setting.

    The original's names say the aggregation of confidences or the seed, where there is one. Where
    it has none, or none that is read well, for `bernoulli-...`, `online-...`, `disagreement`,
    object counts and second stages, these are ours: a second stage is added as
    `FIRST-FRAMES+SECOND`, where FRAMES is what the first one chooses.
    """
    name: str = settings.strategy
    setting: Setting = "pool-based" if name in _POOL else "stream-based"
    text = name.replace("thresh-", "thresholded-", 1) + _suffix(name, settings)
    if settings.second_stage != "none":
        second: str = settings.second_stage
        text = f"{text}-{settings.frames}+{second}{_suffix(second, settings)}"
    return text, setting


def _suffix(name: str, settings: StreamsSection) -> str:
    """Give what follows the name of a strategy: an aggregation, a seed, both or nothing."""
    if name.startswith("bernoulli-"):
        return f"-{settings.confidence}-{settings.seed}"
    if name.endswith("-confidence"):
        return f"-{settings.confidence}"
    is_drawn = name in ("random", "uniform-random") or name.startswith("kmeans")
    return f"-{settings.seed}" if is_drawn else ""


def without_seed(strategy: str) -> str:
    """Give a strategy without the seed of its draws, so that seeds can be averaged over.

    Example:
        >>> without_seed("uniform-random-3")
        'uniform-random'
    """
    return _SEED.sub(r"\1", strategy)
