"""What a study crosses: teachers, prompts, groups, combinations, students."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, cast, get_args

from util.config import (
    TEACHERS,
    Calibration,
    SaaSection,
    Strategy,
    StudySection,
    config_fields,
    keys_of,
)
from util.errors import UserError, listed
from util.label_set import prompt_to_folder
from util.multi_teacher.group_sampling import sample_groups
from util.prompts import resolve_prompts

NEEDS_SETTINGS = "weighted_mean"
"""A strategy that a study cannot cross, since each group would need weights of its own."""


@dataclass(frozen=True)
class Usual:
    """What holds where a study says nothing else.

    Attributes:
        teacher: Name of the teacher.
        prompts: Of it.
        object_prompt: Of it, if it reads one.
        min_votes: That a majority needs.
        architecture: Of students.
    """

    teacher: str
    prompts: Sequence[str]
    object_prompt: str
    min_votes: int
    architecture: str


@dataclass(frozen=True)
class Variant:
    """A teacher: its settings and its object prompt.

    Attributes:
        name: What tells it from the other variants; "" for the only one.
        teacher: Its name, such as `saa`.
        object_prompt: None for a teacher that reads none.
        changes: What is said otherwise for it, and all prompts of the study: values by section and
            key, which may be impossible ones.
    """

    name: str
    teacher: str
    object_prompt: str | None
    changes: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Source:
    """What a student learns from: the label set of a prompt, or of a combination.

    Attributes:
        name: To show.
        members: The prompt, or the prompts that are combined.
        strategy: Such as `mean` or `majority:3`; "" for a prompt.
        calibration: Of the members, before they are combined.
    """

    name: str
    members: tuple[str, ...]
    strategy: str = ""
    calibration: Calibration = "none"

    @property
    def way(self) -> str:
        """How its members are combined, such as `mean` or `majority:3, isotonic`."""
        suffix = "" if self.calibration == "none" else f", {self.calibration}"
        return f"{self.strategy}{suffix}"

    @property
    def is_prompt(self) -> bool:
        """Whether it is the label set of a single prompt, as the teacher wrote it."""
        return not self.strategy


@dataclass(frozen=True)
class Design:
    """Everything that a study crosses.

    Attributes:
        variants: Teachers.
        prompts: In the order given.
        off_target: Those of them that name something else than what is sought.
        sources: Label sets that each variant gives, prompts first.
        architectures: Students.
        training_seeds: Of each student; none for a study of teachers alone.
    """

    variants: tuple[Variant, ...]
    prompts: tuple[str, ...]
    off_target: frozenset[str]
    sources: tuple[Source, ...]
    architectures: tuple[str, ...]
    training_seeds: tuple[int, ...]

    @property
    def largest_family(self) -> int:
        """Label sets that are compared each with each: all prompts, or all combinations."""
        return max(len(self.prompts), len(self.sources) - len(self.prompts))

    def in_words(self) -> dict[str, str]:
        """Say what is crossed, for the report."""
        combined = [source.name for source in self.sources if not source.is_prompt]
        asked_for = [v.object_prompt for v in self.variants if v.object_prompt is not None]
        return {
            "teachers": ", ".join(variant.name or "one" for variant in self.variants),
            "object prompts": ", ".join(dict.fromkeys(asked_for)) or "none",
            "prompts": ", ".join(self.prompts),
            "off target": ", ".join(p for p in self.prompts if p in self.off_target) or "none",
            "combinations": ", ".join(combined) or "none",
            "students": ", ".join(self.architectures) if self.training_seeds else "none",
            "training seeds": ", ".join(map(str, self.training_seeds)) or "none",
        }


def design_study(study: StudySection, usual: Usual) -> Design:
    """Cross what a study names.

    Raises:
        UserError: An unknown prompt list or strategy, a group larger than the prompt list, two
            label sets of one name, or settings that are not a teacher's.
    """
    prompts = resolve_prompts(study.prompts or usual.prompts)
    named = resolve_prompts(study.off_target) if study.off_target else []
    off_target = set(map(prompt_to_folder, named))
    sources = [Source(prompt, (prompt,)) for prompt in prompts]
    for name, members in find_groups(study, prompts).items():
        for strategy, calibration in product(study.strategies, study.calibrations):
            if split_strategy(strategy, usual.min_votes)[1] > len(members):
                continue  # more votes than members: it could keep no pixel
            combined = Source(name, members, strategy, calibration)
            sources.append(replace(combined, name=f"{name}: {combined.way}"))
    architectures = study.architectures or [usual.architecture]
    _refuse_repeats("two label sets", [source.name for source in sources])
    _refuse_repeats("two architectures", architectures)
    _refuse_repeats("two training seeds", list(map(str, study.training_seeds)))
    return Design(
        tuple(find_variants(study, usual, prompts)),
        tuple(prompts),
        frozenset(p for p in prompts if prompt_to_folder(p) in off_target),
        tuple(sources),
        tuple(architectures),
        tuple(study.training_seeds),
    )


def _refuse_repeats(what: str, names: Sequence[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"the study has {what} named {listed(twice)}; drop one")


def find_variants(study: StudySection, usual: Usual, prompts: Sequence[str]) -> list[Variant]:
    """Cross teacher settings and object prompts; names hold only what differs.

    Raises:
        UserError: Settings are not a teacher's, or two variants would have one name.
    """
    object_prompts = study.object_prompts or [usual.object_prompt]
    variants = []
    for changes in study.teachers:
        if others := set(changes) & set(config_fields()) - keys_of("teacher", *TEACHERS):
            raise UserError(
                f"study.teachers changes {listed(sorted(others))}; expected keys of the teacher"
                f" ({', '.join(['teacher', *sorted(TEACHERS)])}), such as saa.box_threshold"
            )
        if clash := {"teacher.prompts", "saa.object_prompt"} & set(changes):
            raise UserError(
                f"study.teachers changes {' and '.join(sorted(clash))}; name these in "
                "study.prompts and study.object_prompts"
            )
        words = [f"{key.split('.')[-1]} {value}" for key, value in changes.items()]
        if len(study.teachers) > 1 and not words:
            words = ["teacher as configured"]
        teacher = str(changes.get("teacher.name", usual.teacher))
        is_saa = teacher == "saa"  # which reads it alone
        for object_prompt in object_prompts if is_saa else [None]:
            told = SaaSection().object_prompt if object_prompt is None else object_prompt
            keys = {**changes, "teacher.prompts": list(prompts), "saa.object_prompt": told}
            named = [f"object prompt {object_prompt}"] * (is_saa and len(object_prompts) > 1)
            name = ", ".join([*words, *named])
            variants.append(Variant(name, teacher, object_prompt, _by_section(keys)))
    _refuse_repeats("two teachers", [variant.name or "as configured" for variant in variants])
    return variants


def _by_section(changes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Sort values by section and key that have keys such as `saa.box_threshold`."""
    overrides: dict[str, dict[str, Any]] = {}
    for key, value in changes.items():
        section, _, name = key.partition(".")
        overrides.setdefault(section, {})[name] = value
    return overrides


def find_groups(study: StudySection, prompts: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Draw the groups of prompts to combine, by name; each set of prompts is there once.

    Raises:
        UserError: A group would be larger than the list of prompts, or a single prompt.
    """
    if 1 in study.group_sizes:
        raise UserError("study.group_sizes has 1; a combination needs 2 prompts or more (0 = all)")
    groups: dict[str, tuple[str, ...]] = {}
    for size in study.group_sizes:
        if size in (0, len(prompts)):
            if len(prompts) > 1:
                groups[f"all {len(prompts)}"] = tuple(prompts)
            continue
        for seed in study.group_seeds:
            drawn = sample_groups(prompts, study.num_groups, size, seed)
            which = f" (seed {seed})" if len(study.group_seeds) > 1 else ""
            for number, members in enumerate(drawn, start=1):
                if set(members) not in map(set, groups.values()):
                    groups[f"group {number} of {size}{which}"] = tuple(members)
    return groups


def split_strategy(text: str, default_votes: int) -> tuple[Strategy, int]:
    """Split `majority:3` into the strategy and its votes; 0 votes for all but majority.

    Raises:
        UserError: There is no such strategy, or the votes are no number from 1.
    """
    name, _, votes = text.partition(":")
    known = [strategy for strategy in get_args(Strategy) if strategy != NEEDS_SETTINGS]
    if name not in known or (
        votes and (name != "majority" or not votes.isdecimal() or votes == "0")
    ):
        raise UserError(
            f"study.strategies has {text!r}; expected one of {', '.join(known)}, majority with its "
            "votes if you like, such as majority:3"
        )
    num_votes = int(votes or default_votes) if name == "majority" else 0
    return cast(Strategy, name), num_votes
