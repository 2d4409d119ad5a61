"""What can go wrong in the archive room, and what the caller does about it.

HuifangError
├── RecorderNotReady     nothing may be dialed
├── RecordingFailed      a live recording broke: close the call safely
│   └── RecordingTooLong it reached the length limit
├── RecordingBusy        it is still being written or sealed
├── RecordingUnavailable it is unknown, not sealed yet, or lost
├── SpoolFailed          its spool file cannot be read or mended
├── RangeOutside         the asked bytes lie outside the file
└── ArchiveError         the archive refused or failed
    ├── ObjectMissing    the archive has no such object
    └── WrittenOnce      another content is stored under this name
"""

from __future__ import annotations

from core.errors import HuifangError


class RecorderNotReady(HuifangError):
    """Do not dial: no recording, no call. Mend what the message names, the next check sees it."""


class RecordingFailed(HuifangError):
    """Bring the live call to a safe closing message and hang up; what is on the disk is kept and can be sealed."""


class RecordingTooLong(RecordingFailed):
    """End the call: one recording holds at most a day."""


class RecordingBusy(HuifangError):
    """Leave it alone: its call is live or it is being sealed; whoever holds it brings it to its end."""


class RecordingUnavailable(HuifangError):
    """Tell the listener that there is nothing to hear (yet), and why."""


class SpoolFailed(HuifangError):
    """Keep the spool file and seal it again after mending the disk."""


class RangeOutside(HuifangError):
    """Answer HTTP 416: the asked bytes lie outside the file."""


class ArchiveError(HuifangError):
    """Keep the spool file and try again after mending what the message names."""


class ObjectMissing(ArchiveError):
    """Report it as a difference: the archive has no object of this name."""


class WrittenOnce(ArchiveError):
    """Never overwrite: other bytes are stored under this name. Keep both files and call the auditor."""
