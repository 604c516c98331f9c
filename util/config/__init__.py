"""The schema of `config.json`, a file a section; how it is read, and how values are replaced.

Precedence: default < file < `--section.key value`. The loaded config is frozen and holds absolute
paths only, so that a copy of it in a run folder repeats the run from anywhere.
"""

from util.config.analyses.clusters import ClustersSection
from util.config.analyses.compression import CompressionSection
from util.config.analyses.cross_performance import CrossPerformanceSection
from util.config.analyses.evaluation import EvaluationSection
from util.config.analyses.ranking import RankingSection
from util.config.analyses.review import ReviewSection
from util.config.analyses.stream_study import StreamStudySection
from util.config.analyses.study import StudySection
from util.config.combination import Calibration, CombinationSection, Strategy
from util.config.data import DataSection
from util.config.demo import DemoSection
from util.config.fields import (
    REPOSITORY,
    Section,
    expand_path,
)
from util.config.paths import PathsSection
from util.config.proposals import ProposalsSection
from util.config.reading import (
    DEFAULT_CONFIG,
    fill_in,
    override_config,
    read_config,
    values_in,
    write_config,
)
from util.config.refinement import RefinementSection, RefinementStep
from util.config.schema import BOX_RULE, TEACHERS, TILES, Config, config_fields, keys_of
from util.config.streams import StreamsSection
from util.config.students.detector import DetectorSection
from util.config.students.prediction import PredictionSection
from util.config.students.student import (
    AUTO_WEIGHTS,
    BestEpoch,
    LossName,
    PixelWeights,
    StudentSection,
)
from util.config.teachers.boxes import BoxesSection
from util.config.teachers.cam import CamSection
from util.config.teachers.classifier import ClassifierSection, Consistency
from util.config.teachers.clip import ClipSection
from util.config.teachers.mask2former import Mask2FormerSection
from util.config.teachers.maskomaly import MaskomalySection
from util.config.teachers.novelty import NoveltySection
from util.config.teachers.queries import QueriesSection
from util.config.teachers.saa import SaaSection
from util.config.teachers.sam3 import Sam3Section
from util.config.teachers.teacher import TeacherSection
from util.config.teachers.u2net import U2NetSection
from util.config.training import Precision
from util.config.video import VideoSection
from util.config.windows import WindowsSection

__all__ = [
    "AUTO_WEIGHTS",
    "BOX_RULE",
    "DEFAULT_CONFIG",
    "REPOSITORY",
    "TEACHERS",
    "TILES",
    "BestEpoch",
    "BoxesSection",
    "Calibration",
    "CamSection",
    "ClassifierSection",
    "ClipSection",
    "ClustersSection",
    "CombinationSection",
    "CompressionSection",
    "Config",
    "Consistency",
    "CrossPerformanceSection",
    "DataSection",
    "DemoSection",
    "DetectorSection",
    "EvaluationSection",
    "LossName",
    "Mask2FormerSection",
    "MaskomalySection",
    "NoveltySection",
    "PathsSection",
    "PixelWeights",
    "Precision",
    "PredictionSection",
    "ProposalsSection",
    "QueriesSection",
    "RankingSection",
    "RefinementSection",
    "RefinementStep",
    "ReviewSection",
    "SaaSection",
    "Sam3Section",
    "Section",
    "Strategy",
    "StreamStudySection",
    "StreamsSection",
    "StudentSection",
    "StudySection",
    "TeacherSection",
    "U2NetSection",
    "VideoSection",
    "WindowsSection",
    "config_fields",
    "expand_path",
    "fill_in",
    "keys_of",
    "override_config",
    "read_config",
    "values_in",
    "write_config",
]
