"""The gateway's codes as they stand on the wire: texts, although they look like numbers."""

from __future__ import annotations

# Source: reference/dual-write.md, "Start". The codes 2, 3 and 7 are not known to any public client.
START = "1"
STOP = "4"
PAUSE = "5"
RESUME = "6"
CREATE_PROJECT = "8"

# Source: reference/dual-write.md, "States".
NONE = "0"
STOPPED = "1"
INITIAL_SYNC = "2"
CATCH_UP = "3"
RUNNING = "4"
PAUSED = "5"
NOT_RUNNING = "6"

STARTABLE = frozenset({NONE, STOPPED, NOT_RUNNING})
BUSY = frozenset({INITIAL_SYNC, CATCH_UP})

# Source: reference/dual-write.md, "Status".
WAITING = "1"
COMPLETED = "2"
FAILED = "3"

# What a side of a link is: Finance and Operations, Dataverse. Source: reference/dual-write.md, "Environments".
FINANCE_TYPE, DATAVERSE_TYPE = "AX", "CRM"

# What RestoreTemplates is asked to do with a solution. Source: reference/dual-write.md, "Solutions".
APPLY_SOLUTION = "2"

# The actions that a map offers in each state; the member exists, its content is inferred.
ALLOWED = {
    NONE: (START,),
    STOPPED: (START,),
    NOT_RUNNING: (START,),
    INITIAL_SYNC: (),
    CATCH_UP: (),
    RUNNING: (STOP, PAUSE),
    PAUSED: (RESUME,),
}
