"""What must stand above a figure of a fit that cannot be trusted?"""

from bayesmeta.plots.forest_fits import is_reliable
from bayesmeta.result.diagnosis import NOT_RELIABLE


def warning_of(*fits: object) -> str:
    """Return NOT RELIABLE and why, for the first fit that failed its diagnosis or its verification; else ""."""
    for fit in fits:
        if getattr(fit, "engine", "") == "nuts" and not is_reliable(fit):  # type: ignore[arg-type]
            notes: tuple[str, ...] = fit.notes  # type: ignore[attr-defined]
            why = notes[0].removeprefix(f"{NOT_RELIABLE}: ")
            return f"{NOT_RELIABLE}: do not use this figure. {why[:1].upper()}{why[1:]}."
    return ""
