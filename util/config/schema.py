"""The schema of `config.json`: all sections, and their keys."""

from dataclasses import fields
from inspect import getdoc
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from util.config.analyses.clusters import ClustersSection
from util.config.analyses.compression import CompressionSection
from util.config.analyses.cross_performance import CrossPerformanceSection
from util.config.analyses.evaluation import EvaluationSection
from util.config.analyses.fetching import FetchingSection
from util.config.analyses.ranking import RankingSection
from util.config.analyses.review import ReviewSection
from util.config.analyses.stream_study import StreamStudySection
from util.config.analyses.study import StudySection
from util.config.combination import CombinationSection
from util.config.data import DataSection
from util.config.demo import DemoSection
from util.config.export_label_set import ExportLabelSetSection
from util.config.fields import Section
from util.config.paths import PathsSection
from util.config.proposals import ProposalsSection
from util.config.refinement import RefinementSection
from util.config.splits import SplitsSection
from util.config.streams import StreamsSection
from util.config.students.detector import DetectorSection
from util.config.students.export import ExportSection
from util.config.students.prediction import PredictionSection
from util.config.students.student import StudentSection
from util.config.teachers.boxes import BoxesSection
from util.config.teachers.cam import CamSection
from util.config.teachers.classifier import ClassifierSection
from util.config.teachers.clip import ClipSection
from util.config.teachers.mask2former import Mask2FormerSection
from util.config.teachers.maskomaly import MaskomalySection
from util.config.teachers.novelty import NoveltySection
from util.config.teachers.queries import QueriesSection
from util.config.teachers.saa import SaaSection
from util.config.teachers.sam3 import Sam3Section
from util.config.teachers.teacher import TeacherSection
from util.config.teachers.u2net import U2NetSection
from util.config.tracking import TrackingSection
from util.config.video import VideoSection
from util.config.windows import WindowsSection
from util.data_classes import BoxSettings


class Config(BaseModel):
    """All settings, one section a stage."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    paths: PathsSection = Field(PathsSection(), description=PathsSection.__doc__)
    data: DataSection = Field(DataSection(), description=getdoc(DataSection))
    splits: SplitsSection = Field(SplitsSection(), description=SplitsSection.__doc__)
    demo: DemoSection = Field(DemoSection(), description=DemoSection.__doc__)
    teacher: TeacherSection = Field(TeacherSection(), description=TeacherSection.__doc__)
    saa: SaaSection = Field(SaaSection(), description=SaaSection.__doc__)
    sam3: Sam3Section = Field(Sam3Section(), description=Sam3Section.__doc__)
    clip: ClipSection = Field(ClipSection(), description=ClipSection.__doc__)
    maskomaly: MaskomalySection = Field(MaskomalySection(), description=MaskomalySection.__doc__)
    queries: QueriesSection = Field(QueriesSection(), description=QueriesSection.__doc__)
    mask2former: Mask2FormerSection = Field(
        Mask2FormerSection(), description=Mask2FormerSection.__doc__
    )
    cam: CamSection = Field(CamSection(), description=CamSection.__doc__)
    u2net: U2NetSection = Field(U2NetSection(), description=U2NetSection.__doc__)
    boxes: BoxesSection = Field(BoxesSection(), description=BoxesSection.__doc__)
    classifier: ClassifierSection = Field(
        ClassifierSection(), description=ClassifierSection.__doc__
    )
    combination: CombinationSection = Field(
        CombinationSection(), description=CombinationSection.__doc__
    )
    windows: WindowsSection = Field(WindowsSection(), description=WindowsSection.__doc__)
    novelty: NoveltySection = Field(NoveltySection(), description=NoveltySection.__doc__)
    proposals: ProposalsSection = Field(ProposalsSection(), description=ProposalsSection.__doc__)
    refinement: RefinementSection = Field(
        RefinementSection(), description=RefinementSection.__doc__
    )
    video: VideoSection = Field(VideoSection(), description=VideoSection.__doc__)
    streams: StreamsSection = Field(StreamsSection(), description=StreamsSection.__doc__)
    student: StudentSection = Field(StudentSection(), description=StudentSection.__doc__)
    prediction: PredictionSection = Field(
        PredictionSection(), description=PredictionSection.__doc__
    )
    detector: DetectorSection = Field(DetectorSection(), description=DetectorSection.__doc__)
    export: ExportSection = Field(ExportSection(), description=ExportSection.__doc__)
    export_label_set: ExportLabelSetSection = Field(
        ExportLabelSetSection(), description=ExportLabelSetSection.__doc__
    )
    evaluation: EvaluationSection = Field(
        EvaluationSection(), description=EvaluationSection.__doc__
    )
    study: StudySection = Field(StudySection(), description=StudySection.__doc__)
    ranking: RankingSection = Field(RankingSection(), description=RankingSection.__doc__)
    compression: CompressionSection = Field(
        CompressionSection(), description=CompressionSection.__doc__
    )
    cross_performance: CrossPerformanceSection = Field(
        CrossPerformanceSection(), description=CrossPerformanceSection.__doc__
    )
    clusters: ClustersSection = Field(ClustersSection(), description=ClustersSection.__doc__)
    stream_study: StreamStudySection = Field(
        StreamStudySection(), description=StreamStudySection.__doc__
    )
    review: ReviewSection = Field(ReviewSection(), description=ReviewSection.__doc__)
    tracking: TrackingSection = Field(TrackingSection(), description=TrackingSection.__doc__)
    fetching: FetchingSection = Field(FetchingSection(), description=FetchingSection.__doc__)

    def own_sections(self) -> dict[str, Section]:
        """Give the sections of one teacher each, by its name."""
        return {name: getattr(self, name) for name in sorted(TEACHERS)}


def config_fields() -> dict[str, FieldInfo]:
    """Give the fields of all sections by their keys, such as `student.epochs`."""
    sections: dict[str, Any] = {
        name: field.annotation for name, field in Config.model_fields.items()
    }
    return {
        f"{name}.{key}": field
        for name, section in sections.items()
        for key, field in section.model_fields.items()
    }


def keys_of(*sections: str) -> frozenset[str]:
    """Name the keys of sections, for what a script reads."""
    return frozenset(key for key in config_fields() if key.split(".")[0] in sections)


TEACHERS = frozenset(get_args(TeacherSection.model_fields["name"].annotation)) & {
    *Config.model_fields
} - {"student"}
"""Sections of one teacher each, by its name; the section of students says how they learn."""

BOX_RULE = frozenset(f"evaluation.{field.name}" for field in fields(BoxSettings))
"""Keys that decide which boxes are found in soft labels."""


TILES = keys_of("prediction") - {"prediction.output", "prediction.pictures"}
"""Keys that say how images are put before a student."""
