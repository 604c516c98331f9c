"""The arms of a study: one teacher and one student architecture each, and their scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from analysis.study.cells import Cell
from analysis.study.design import Source
from analysis.study.draws import Draws, student_draws, teacher_draws
from analysis.study.measuring import Counts
from analysis.study.scoring import Metric


@dataclass(frozen=True, eq=False)
class Arm:
    """One teacher and one student architecture, and how all their label sets fare.

    Attributes:
        name: What tells it from the other arms.
        sources: What was learnt from, as far as its label set could be made; prompts first.
        off_target: Prompts that name something else than what is sought.
        folders: Of the sources' label sets, by name.
        runs: Cells of the students of each source, by its name and by seed.
        teachers: Counts of each source's label set, by its name.
        students: Counts of each of its students' predictions, by seed; empty where all failed.
        metric: The score that is judged.
    """

    name: str
    sources: Sequence[Source]
    off_target: frozenset[str]
    folders: Mapping[str, Path]
    runs: Mapping[str, Mapping[int, Cell]]
    teachers: Mapping[str, Counts]
    students: Mapping[str, Mapping[int, Counts]]
    metric: Metric

    @property
    def prompts(self) -> list[str]:
        """Names of the sources that are prompts."""
        return [source.name for source in self.sources if source.is_prompt]

    @property
    def learnt(self) -> list[str]:
        """Names of the sources that have a student."""
        return [source.name for source in self.sources if self.students.get(source.name)]

    @cached_property
    def teacher_draws(self) -> Draws:
        """Scores of all label sets."""
        return draw_teachers(self.teachers, self.metric)

    @cached_property
    def student_draws(self) -> Draws | None:
        """Scores of all students, means over their seeds; None without students."""
        students = {name: self.students[name] for name in self.learnt}
        return draw_students(students, self.metric) if students else None

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
