"""A ranking as a table, and as texts for the screen and the report."""

import numpy as np
import pandas as pd

from analysis.ranking.answer import format_estimate
from analysis.ranking.ranking import Ranking
from analysis.ranking.signals import SIGNALS
from analysis.ranking.truth import Estimate, Verdict


def tabulate(ranking: Ranking, verdict: Verdict | None) -> pd.DataFrame:
    """Lay a ranking out, best first, and last of all the prompts that the teacher does not know.

    Returns:
        Columns `rank`, `label_set`, `kind` (prompt, combination), `score`, each of `SIGNALS` (nan
        where it was not asked for), `true` (nan without truth), all with NAME_low and NAME_high,
        and `first_share`.
    """
    columns: dict[str, object] = {
        "label_set": ranking.names,
        "kind": ["combination" if strategy else "prompt" for strategy in ranking.strategies],
    }
    of = ranking.interval
    for at, name in enumerate(("score", *SIGNALS)):
        ends = (of.estimate[:, at], of.low[:, at], of.high[:, at])
        columns |= dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))
    nothing = np.full(len(ranking.names), np.nan)
    true = (nothing,) * 3
    if verdict is not None:
        true = (verdict.interval.estimate, verdict.interval.low, verdict.interval.high)
    columns |= dict(zip(("true", "true_low", "true_high"), true, strict=True))
    table = pd.DataFrame({**columns, "first_share": ranking.first_share})
    order = np.lexsort((-table["score"].to_numpy(float), ranking.is_unknown))
    table = table.iloc[order].reset_index(drop=True)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table


def show_ranking(table: pd.DataFrame, metric: str | None) -> pd.DataFrame:
    """Lay the table of `tabulate` out as texts; what is nowhere known is left out.

    Args:
        table: Of `tabulate`.
        metric: Name of the true score; None without.
    """
    shown = table[["rank", "label_set", "kind"]].astype(str)
    for name in ("score", *SIGNALS, "true"):
        if table[name].notna().any():
            ends = table[[name, f"{name}_low", f"{name}_high"]].to_numpy(float)
            title = metric if name == "true" and metric else name
            shown[title] = [format_estimate(Estimate(*row)) for row in ends.tolist()]
    shown["first"] = ["-" if np.isnan(s) else f"{s:.0%}" for s in table["first_share"]]
    return shown
