"""Who may do what: moto's own evaluation of policies, for calls that moto itself does not check by resource."""

from collections.abc import Mapping

from moto.iam.access_control import CreateAccessKeyFailure, IAMPolicy, PermissionResult, create_access_key

from cloud.template import ACCOUNT, PARTITION


def is_permitted(access_key_id: str, headers: Mapping[str, str], action: str, resource: str) -> bool:
    """Whether the policies of the key's owner allow the action on the resource.

    `headers` carry the session token of an assumed role as X-Amz-Security-Token. Conditions are not looked at, as in
    moto.
    """
    try:
        key = create_access_key(ACCOUNT, PARTITION, access_key_id, dict(headers))
    except CreateAccessKeyFailure:
        return False
    results = {IAMPolicy(policy).is_action_permitted(action, resource) for policy in key.collect_policies()}
    return PermissionResult.PERMITTED in results and PermissionResult.DENIED not in results
