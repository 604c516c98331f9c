"""The section `video`."""

from pydantic import Field, ValidationInfo, field_validator

from util.config.fields import DECIDES_NOTHING, REPOSITORY, ConfigPath, Section


class VideoSection(Section):
    """The frames that util/streams/frames_from_video.py takes of videos."""

    output: ConfigPath = Field(
        REPOSITORY / "data/frames",
        description="Folder in which each video gets a folder of its frames, named as its file.",
        json_schema_extra=DECIDES_NOTHING,
    )
    rate: float = Field(
        1.0, gt=0, le=1000, description="Frames a second; of a video that has fewer, all."
    )
    size_px: int = Field(
        0,
        ge=0,
        description="Longest side of frames, to which larger ones are made smaller; 0 = as they"
        " are.",
    )
    start_s: float = Field(
        0.0, ge=0, description="Where to begin, in seconds behind the video's first frame."
    )
    end_s: float | None = Field(
        None, gt=0, description="Where to end, in such seconds; null = with the video."
    )

    @field_validator("end_s")
    @classmethod
    def _something_is_between(cls, end_s: float | None, info: ValidationInfo) -> float | None:
        if end_s is not None and end_s <= info.data.get("start_s", 0):
            raise ValueError("expected more than video.start_s")
        return end_s
