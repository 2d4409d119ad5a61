"""What can go wrong with models, recognisers, the run and the search.

HuifangError
└── TranscribeError
    ├── ModelError
    │   ├── UnknownModel          the catalogue has no model of that name
    │   ├── ModelUnavailable      a model cannot be fetched or joined here (offline, package missing, disk)
    │   ├── ModelDamaged          a model's bytes are not the published ones
    │   └── CatalogueError        the catalogue file is not valid
    ├── RecogniserError
    │   ├── UnsupportedAudio      rate or sample type that no recogniser may see
    │   └── EngineUnavailable     unknown engine, its package missing, or its model does not load
    ├── RunActive                 another transcription run holds this var folder
    └── QueryError
        ├── EmptyQuery            nothing searchable in the text
        └── QueryTooLong          more than a person types
"""

from __future__ import annotations

from core.errors import HuifangError


class TranscribeError(HuifangError):
    """The root of this room's errors."""


class ModelError(TranscribeError):
    """A recogniser model is the matter; `huifang models list` shows what is there."""


class UnknownModel(ModelError):
    """Choose one of the names in the message."""


class ModelUnavailable(ModelError):
    """Do what the message says (install the package, reach the network, or place the folder by hand), fetch again."""


class ModelDamaged(ModelError):
    """Fetch again; when it happens twice, do not use that source."""


class CatalogueError(ModelError):
    """Mend the named entry of the catalogue file."""


class RecogniserError(TranscribeError):
    """A recogniser refused; the transcript fails with this message as its note."""


class UnsupportedAudio(RecogniserError):
    """Decode to 16-bit mono at 8 or 16 kHz first; other rates hang or garble the engines."""


class EngineUnavailable(RecogniserError):
    """Install the engine's package or fetch its model, as the message says."""


class RunActive(TranscribeError):
    """Leave the work to the run that is active, or stop it first."""


class QueryError(TranscribeError):
    """Show the message beside the search box."""


class EmptyQuery(QueryError):
    """Ask for at least one letter, digit or character."""


class QueryTooLong(QueryError):
    """Ask for a shorter text."""
