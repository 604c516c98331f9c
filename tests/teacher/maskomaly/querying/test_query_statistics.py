import numpy as np
import pandas as pd
import pytest
import torch

from teacher.maskomaly.querying.query_statistics import QueryStatistics, StatisticsSettings

NAMES = ["road", "car"]
IMAGES = [  # for three queries the probabilities of road, car and void
    [(0.95, 0.03, 0.02), (0.1, 0.8, 0.1), (0.0, 0.0, 1.0)],
    [(0.92, 0.03, 0.05), (0.7, 0.2, 0.1), (0.1, 0.1, 0.8)],
    [(0.2, 0.1, 0.7), (0.02, 0.97, 0.01), (0.0, 0.05, 0.95)],
    [(0.9, 0.04, 0.06), (0.01, 0.95, 0.04), (0.02, 0.03, 0.95)],
]


def count(**settings: object) -> QueryStatistics:
    statistics = QueryStatistics(3, NAMES, StatisticsSettings(**settings))  # type: ignore[arg-type]
    for image in IMAGES:
        statistics.add(torch.tensor(image).clamp_min(1e-9).log())
    return statistics


def test_the_tables_are_as_worked_by_hand() -> None:
    statistics = count(high_confidence=0.899)  # as 0.9 is not met by a float that is just below
    assert statistics.num_images == 4
    expected = pd.DataFrame(
        [[3, 0, 1], [1, 3, 0], [0, 0, 4]], columns=["road", "car", "void"], dtype=np.int64
    ).rename_axis("query")
    pd.testing.assert_frame_equal(
        statistics.times_predicted_table(), expected, check_index_type=False
    )
    shares = [[1, np.nan, 0], [0, 2 / 3, np.nan], [np.nan, np.nan, 3 / 4]]
    np.testing.assert_allclose(statistics.high_confidence_table(), shares)
    assert list(statistics.high_confidence_table().columns) == ["road", "car", "void"]


def test_high_confidence_begins_at_the_threshold() -> None:
    statistics = QueryStatistics(1, NAMES, StatisticsSettings(high_confidence=0.5))
    statistics.add(torch.tensor([[0.0, -100.0, 0.0]]))  # a half each, of which the first is taken
    assert statistics.high_confidence.tolist() == [[1, 0, 0]]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [(0, "road", 3, 1.0, 1.0)]),
        ({"void": "counts"}, []),
        ({"void": "counts", "least_share": 0.7}, [(0, "road", 3, 0.75, 1.0)]),
        ({"void": "class", "least_confident_share": 0.7}, [(2, "void", 4, 1.0, 0.75)]),
        ({"least_cases": 4}, []),
        (
            {"least_share": 0.75, "least_confident_share": 0.6},
            [(0, "road", 3, 1.0, 1.0), (1, "car", 3, 0.75, 2 / 3)],
        ),
        ({"least_share": 0, "least_confident_share": 0, "least_cases": 0, "void": "left_out"}, 2),
    ],
)
def test_specialised_queries_by_each_setting(settings: dict[str, object], expected: object) -> None:
    table = count(high_confidence=0.899, **settings).specialised_table()
    assert list(table.columns) == ["class", "cases", "share", "confident_share"]
    rows = list(table.itertuples(name=None))
    if isinstance(expected, int):  # a query that never shows a class has none
        assert len(rows) == expected
    else:
        assert isinstance(expected, list)
        assert [row[:3] for row in rows] == [row[:3] for row in expected]
        assert [row[3:] for row in rows] == [pytest.approx(row[3:]) for row in expected]


def test_the_dominant_class_is_void_only_where_nothing_else_is_shown() -> None:
    statistics = count()
    assert [statistics.dominant_class(query) for query in range(3)] == [
        ("road", 3),
        ("car", 3),
        ("void", 4),
    ]
    mostly_void = QueryStatistics(1, NAMES, StatisticsSettings())
    for logits in ([0.0, 0, 9], [0.0, 0, 9], [0.0, 9, 0]):
        mostly_void.add(torch.tensor([logits]))
    assert mostly_void.dominant_class(0) == ("car", 1)
    mostly_void.settings = StatisticsSettings(void="class")
    assert mostly_void.dominant_class(0) == ("void", 2)


def test_without_images_the_tables_are_empty() -> None:
    statistics = QueryStatistics(2, NAMES, StatisticsSettings(least_share=0))
    assert (statistics.times_predicted_table() == 0).all(axis=None)
    assert statistics.high_confidence_table().isna().all(axis=None)
    assert statistics.specialised_table().empty
    assert statistics.dominant_class(1) == ("void", 0)


def test_one_class_alone_is_counted() -> None:
    statistics = QueryStatistics(1, ["road"], StatisticsSettings())
    statistics.add(torch.tensor([[5.0, 0.0]]))
    assert statistics.specialised_table()["class"].tolist() == ["road"]


def test_logits_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected class logits \(3, 3\), not \(3, 4\)"):
        count().add(torch.zeros(3, 4))
