"""Says what an export has written, and what it has left out."""

from collections.abc import Sequence
from pathlib import Path

from util.errors import listed
from util.exporting.sources import ObjectReader, Source
from util.words import count_of


def report(output: Path, reader: ObjectReader, classes: Sequence[str]) -> None:
    """Say what was written, and what was left out."""
    table = reader.table()
    counts = table["obj_class"].value_counts()
    told = [f"{name} ({counts.get(name, 0)})" for name in classes]
    print(
        f"{output}: {count_of(len(table), 'box', 'boxes')} in {table['image'].nunique()} of "
        f"{count_of(len(reader.ids), 'image')}, "
        f"of the classes {listed(told, 20) or 'none'}{describe_thresholds(reader.sources)}"
    )
    if failed := reader.failed:
        folders = [each.label_set.folder for each in reader.sources if each.label_set.failed]
        print(
            f"Left out: {count_of(len(failed), 'image')} that {listed(folders)} has failed on: "
            f"{listed(failed)}"
        )
    if ignored := sorted(reader.ignored):
        print(
            f"Left out: {count_of(len(ignored), 'image')} of which all pixels have weight 0, as "
            f"what is marked as wrong: {listed(ignored)}"
        )


def describe_thresholds(sources: Sequence[Source]) -> str:
    """Say above which probability pixels are of objects; '' where there are no maps."""
    above = {
        source.label_set.name: f"{source.settings.threshold:g}"
        for source in sources
        if source.label_set.has_maps
    }
    values = list(dict.fromkeys(above.values()))
    if len(values) > 1:
        values = [f"{threshold} in {name}" for name, threshold in above.items()]
    return f", found in pixels above {listed(values, 20)}" if values else ""
