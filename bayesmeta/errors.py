"""What can go wrong: one tree of exceptions, each a `ValueError` with a one-line message."""


class BayesmetaError(ValueError):
    """Base of every error this package raises on purpose.

    The message is one line: what was given, what is allowed, and what to do.
    """


class DataError(BayesmetaError):
    """The data cannot be used as they are; the message names file, row, study and column."""


class SpecError(BayesmetaError):
    """A model, prior, measure or option is unknown, incomplete or contradictory."""


class ImproperPosteriorError(BayesmetaError):
    """Prior and data together do not define a probability distribution."""


class AccuracyError(BayesmetaError):
    """A number could not be computed to the accuracy that was asked for, so none is returned."""


class OutputError(BayesmetaError):
    """A file or folder cannot be written, or is in the way and is kept."""
