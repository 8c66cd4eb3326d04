"""A stack under a throw-away name, from its first deployment to its removal, on whatever AWS_ENDPOINT_URL says.

`walk` has the steps, `account` makes and removes what they need, `report` shows and keeps what was seen.
"""

from ops.smoke.account import Account, find_account
from ops.smoke.report import Report, StoppedError
from ops.smoke.walk import Walk

__all__ = ["Account", "Report", "StoppedError", "Walk", "find_account"]
