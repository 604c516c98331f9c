"""The arms of a study: one teacher and one student architecture each, and their scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from analysis.study.design import Source
from analysis.study.scoring import Metric
from analysis.study.statistics.draws import Draws, student_draws, teacher_draws
from analysis.work.cells import Cell
from analysis.work.contents import find_twins
from analysis.work.judging import Counts


@dataclass(frozen=True, eq=False)
class Arm:
    """One teacher and one student architecture, and how all their label sets fare.

    Attributes:
        name: What tells it from the other arms.
        sources: What was learnt from, as far as its label set could be made; prompts first.
        off_target: Prompts that name something else than what is sought.
        folders: Of the sources' label sets, by name.
        contents: What tells each source's label set from those with other maps, by name.
        facts: What each source's label set says of itself, such as `unknown_words`, by name.
        runs: Cells of the students of each source, by its name and by seed.
        teachers: Counts of each source's label set, by its name.
        students: Counts of each of its students' predictions, by seed; empty where all failed.
        chance: Counts of marking everything (see `analysis.work.judging.count_everything`).
        metric: The score that is judged.
    """

    name: str
    sources: Sequence[Source]
    off_target: frozenset[str]
    folders: Mapping[str, Path]
    contents: Mapping[str, str]
    facts: Mapping[str, Mapping[str, Any]]
    runs: Mapping[str, Mapping[int, Cell]]
    teachers: Mapping[str, Counts]
    students: Mapping[str, Mapping[int, Counts]]
    chance: Counts
    metric: Metric

    @cached_property
    def same_as(self) -> dict[str, str]:
        """The first source with the same maps, by the names of those that have them too."""
        return find_twins({source.name: self.contents[source.name] for source in self.sources})

    @property
    def asked(self) -> list[str]:
        """Names of the sources that are prompts."""
        return [source.name for source in self.sources if source.is_prompt]

    @property
    def prompts(self) -> list[str]:
        """Those of them that differ in their label sets: statistics are about these."""
        return [name for name in self.asked if name not in self.same_as]

    @property
    def combinations(self) -> list[str]:
        """Names of the combinations that differ from all before, and from the prompts."""
        named = [source.name for source in self.sources if not source.is_prompt]
        return [name for name in named if name not in self.same_as]

    @property
    def learnt(self) -> list[str]:
        """Names of the sources that have a student."""
        return [source.name for source in self.sources if self.students.get(source.name)]

    @property
    def learnt_by(self) -> frozenset[Path]:
        """Folders of all its students, which tell it from an arm with other students."""
        return frozenset(run.folder for name in self.learnt for run in self.runs[name].values())

    @cached_property
    def teacher_draws(self) -> Draws:
        """Scores of all label sets."""
        return draw_teachers(self.teachers, self.metric)

    @cached_property
    def student_draws(self) -> Draws | None:
        """Scores of all students, means over their seeds; None without students."""
        return self.draw_students(self.metric)

    def draw_students(self, metric: Metric) -> Draws | None:
        """Draw a score of all students; those of equal label sets are one."""
        if not self.learnt:
            return None
        different = [name for name in self.learnt if name not in self.same_as]
        draws = draw_students({name: self.students[name] for name in different}, metric)
        columns = draws.select([self.same_as.get(name, name) for name in self.learnt])
        return replace(columns, names=tuple(self.learnt))

    @property
    def sides(self) -> dict[str, Draws]:
        """Scores of teachers and, if there are any, of students."""
        sides = {"teacher": self.teacher_draws}
        if self.student_draws is not None:
            sides["student"] = self.student_draws
        return sides


def draw_teachers(teachers: Mapping[str, Counts], metric: Metric) -> Draws:
    """Draw the scores of label sets over other images."""
    counts = {name: metric.by_group(metric.counts(each)) for name, each in teachers.items()}
    return teacher_draws(counts, metric.score, metric.num_resamples)


def draw_students(students: Mapping[str, Mapping[int, Counts]], metric: Metric) -> Draws:
    """Draw the mean scores of students over other images and seeds."""
    counts = {
        name: [metric.by_group(metric.counts(each)) for each in seeds.values()]
        for name, seeds in students.items()
    }
    return student_draws(counts, metric.score, metric.num_resamples)
