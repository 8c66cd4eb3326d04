"""A stack under a throw-away name, from its first deployment to its removal, on whatever AWS_ENDPOINT_URL says.

`walk` has the steps, `checkout` runs the project's commands for them, `account` makes and removes what they need, and
`report` shows and keeps what was seen.
"""

from ops.smoke.account import Account, find_account
from ops.smoke.checkout import Checkout
from ops.smoke.report import Report, StoppedError
from ops.smoke.walk import Walk

__all__ = ["Account", "Checkout", "Report", "StoppedError", "Walk", "find_account"]
