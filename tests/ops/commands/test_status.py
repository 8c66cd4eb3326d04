"""`feed status` against the embedded cloud: one screen, and what to do when something on it is not well."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloud.embedded import EmbeddedCloud
from ops.commands.status import age_words
from shared.contract import FILES, schemas
from tests.ops.commands.conftest import ITEMS, STACK, Deploy, Feed, alarm, take_from_website, upload

PUBLISHED = len(FILES) + len(schemas()) + ITEMS


def shown(feed: Feed, *arguments: str) -> Any:
    return json.loads(feed("status", "--json", *arguments).stdout)


def test_a_feed_that_is_well_says_so_on_one_screen(cloud: EmbeddedCloud, feed: Feed) -> None:
    finished = feed("status", "--drift")

    assert finished.exit_code == 0, finished.output
    assert "All is well" in finished.stdout
    assert f"     s3://{cloud.source_bucket()}/aws-data/\n" in finished.stdout
    assert "2 regions, 4 services, 4 pairs" in finished.stdout
    assert "the stack has none" in finished.stdout  # alarms
    assert f"{PUBLISHED} of {PUBLISHED} files are in step" in finished.stdout
    address = f"https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#dashboards/dashboard/{STACK}"
    assert f"\nDashboard  {address}\n" in finished.stdout
    assert shown(feed)["dashboard"] == address
    assert len(finished.stdout.splitlines()) < 25 + len(FILES)
    for name in (*FILES, "FetchFailures", "DistributionFailures"):
        assert name in finished.stdout


def test_a_script_gets_the_run_the_files_and_the_queues(cloud: EmbeddedCloud, feed: Feed) -> None:
    status = shown(feed)

    assert status["source"] == f"s3://{cloud.source_bucket()}/aws-data/"
    assert status["run"]["counts"] == {"regions": 2, "services": 4, "regionServices": 4}
    assert 0 <= status["ageSeconds"] < 600
    assert {entry["name"]: entry["state"] for entry in status["files"]} == dict.fromkeys(FILES, "in step")
    assert [entry["name"] for entry in status["queues"]] == ["FetchFailures", "DistributionFailures"]
    assert (status["alarms"], status["drift"], status["todo"]) == ([], None, [])


def test_an_alarm_that_joins_others_for_one_mail_is_not_counted_beside_them(cloud: EmbeddedCloud, feed: Feed) -> None:
    alarm(cloud, f"{STACK}-distributor-failed", "ALARM")
    rule = {"AlarmName": f"{STACK}-outage", "AlarmRule": f'ALARM("{STACK}-distributor-failed")'}
    cloud.client("cloudwatch").put_composite_alarm(**rule)
    cloud.client("cloudwatch").set_alarm_state(AlarmName=f"{STACK}-outage", StateValue="ALARM", StateReason="it is on")

    status = shown(feed)

    assert [entry["name"] for entry in status["alarms"]] == [f"{STACK}-distributor-failed"]
    assert [entry["name"] for entry in status["todo"]] == [f"alarm {STACK}-distributor-failed"]


def test_a_file_that_is_not_on_the_website_comes_with_what_to_do(cloud: EmbeddedCloud, feed: Feed) -> None:
    cloud.client("s3").delete_object(Bucket=cloud.website, Key="data/regions.json")

    finished = feed("status")

    assert finished.exit_code == 1
    assert "not published" in finished.stdout
    assert "feed redistribute regions.json" in finished.stdout
    assert "All is well" not in finished.stdout


def test_drift_of_any_file_is_found_only_when_it_is_asked_for(cloud: EmbeddedCloud, feed: Feed) -> None:
    take_from_website(cloud, "regions.schema.json")

    assert feed("status").exit_code == 0
    status = shown(feed, "--drift")

    none = {"count": 0, "complete": True, "first": []}
    assert status["drift"] == {"compared": PUBLISHED, "inStep": PUBLISHED - 1, "rejected": 0, "orphans": none}
    assert [entry["advice"] for entry in status["todo"]] == ["feed sweep --yes"]


def test_drift_that_the_sweeper_may_not_look_into_is_told_with_the_reason(cloud: EmbeddedCloud, feed: Feed) -> None:
    s3 = cloud.client("s3")
    body = s3.get_object(Bucket=cloud.website, Key="data/regions.json")["Body"].read()
    s3.put_object(Bucket=cloud.website, Key="data/regions.json", Body=body[::-1])
    # For AWS a HEAD is s3:GetObject, for moto's policies of buckets a thing of its own.
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:HeadObject",
        "Resource": f"arn:aws:s3:::{cloud.website}/*",
    }
    s3.put_bucket_policy(Bucket=cloud.website, Policy=json.dumps({"Version": "2012-10-17", "Statement": deny}))

    status = shown(feed, "--drift")
    s3.delete_bucket_policy(Bucket=cloud.website)

    (found,) = [entry["found"] for entry in status["todo"] if entry["name"] == "source and website are in step"]
    assert "1 differ; the sweeper may not read the website's metadata: " in found
    assert "403" in found


def test_other_files_that_are_published_are_listed_and_looked_at_too(cloud: EmbeddedCloud, feed: Feed) -> None:
    upload(cloud, "other.json")
    well = shown(feed)
    take_from_website(cloud, "other.json")

    status = shown(feed)

    states = [{entry["name"]: entry["state"] for entry in each["files"]} for each in (well, status)]
    assert [state["other.json"] for state in states] == ["in step", "not published"]
    assert states[0].keys() == {*FILES, "other.json"}
    assert well["todo"] == []
    assert [entry["name"] for entry in status["todo"]] == ["other.json is there"]


def test_a_file_that_matches_no_pattern_is_told_of_and_no_trouble(cloud: EmbeddedCloud, feed: Feed) -> None:
    for name in ("reports/deeper.json", ".state.json", "reports/"):
        upload(cloud, name)

    finished, status = feed("status"), shown(feed)

    assert finished.exit_code == 0, finished.output
    words = "1 file(s) match no pattern of PublishPatterns (*.json,regions/*.json,services/*.json)"
    words += ", such as reports/deeper.json"
    assert words in finished.stdout
    assert status["skipped"] == {"count": 1, "first": ["reports/deeper.json"]}


def test_only_the_first_of_many_other_files_are_read(
    cloud: EmbeddedCloud, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.observation.MOST_FILES", 2)
    for number in range(5):
        upload(cloud, f"{number}.json")

    finished, status, checked = feed("status"), shown(feed), feed("verify")

    assert (finished.exit_code, status["unread"], len(status["files"])) == (0, 3, len(FILES) + 2)
    assert "3 file(s), not looked at here" in finished.stdout
    assert "3 further file(s)" in checked.stdout


def test_someone_who_may_not_list_the_source_is_told_so(cloud: EmbeddedCloud, feed: Feed) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:ListBucket", "Resource": "*"}]}
    policy = {"UserName": "operator", "PolicyName": "no-listing"}
    cloud.client("iam").put_user_policy(**policy, PolicyDocument=json.dumps(document))

    status = shown(feed)
    cloud.client("iam").delete_user_policy(**policy)

    assert [entry["name"] for entry in status["todo"]] == ["it can be listed"]
    assert [entry["name"] for entry in status["files"]] == list(FILES)
    assert (status["skipped"], status["unread"]) == (None, None)


def test_an_alarm_that_has_gone_off_is_no_good_news(cloud: EmbeddedCloud, feed: Feed) -> None:
    alarm(cloud, f"{STACK}-sweep-rejected", "ALARM")
    alarm(cloud, f"{STACK}-quiet", "OK")
    alarm(cloud, f"{STACK}-new", "INSUFFICIENT_DATA")

    finished, status = feed("status"), shown(feed)

    assert finished.exit_code == 1
    assert "1 OK, 1 in alarm, 1 without enough data" in finished.stdout
    (entry,) = status["todo"]
    assert (entry["name"], entry["advice"]) == (f"alarm {STACK}-sweep-rejected", "See what was rejected.")
    assert re.match(r"on since \d{4}-\d\d-\d\d \d\d:\d\d UTC: 1 datapoint was greater than 0$", entry["found"])


def test_of_an_alarm_s_mail_each_part_is_told_once(cloud: EmbeddedCloud, feed: Feed) -> None:
    mail = "A file is not fit. First: `feed failures --stack-name aws-services-feed` has the reason. Ends soon."
    alarm(cloud, f"{STACK}-sweep-rejected", "ALARM", AlarmDescription=mail)

    (entry,) = shown(feed)["todo"]

    assert entry["found"].endswith(" UTC: A file is not fit.")
    assert entry["advice"] == "`feed failures --stack-name aws-services-feed` has the reason. Ends soon."


def test_a_quoted_command_of_a_mail_stays_quoted_with_the_options_of_the_status(
    cloud: EmbeddedCloud, feed: Feed
) -> None:
    mail = "It is on. First: `feed failures --stack-name aws-services-feed` has the reason."
    alarm(cloud, f"{STACK}-sweep-rejected", "ALARM", AlarmDescription=mail)

    (entry,) = shown(feed, "--region", "us-east-1")["todo"]

    assert entry["advice"] == "`feed failures --region us-east-1` has the reason."


def test_only_the_stack_s_own_alarms_count(cloud: EmbeddedCloud, feed: Feed) -> None:
    own_queue = [{"Name": "QueueName", "Value": f"{STACK}-FetchFailures"}]
    other_queue = [{"Name": "QueueName", "Value": f"{STACK}-staging-FetchFailures"}]
    alarm(cloud, f"{STACK}-fetch-failures", "OK", Namespace="AWS/SQS", Dimensions=own_queue)
    alarm(cloud, f"{STACK}-staging-fetch-failures", "ALARM", Namespace="AWS/SQS", Dimensions=other_queue)
    alarm(cloud, f"{STACK}-staging-sweep-rejected", "ALARM", Namespace=f"AwsServicesFeed/{STACK}-staging")
    alarm(cloud, "another-application", "ALARM")

    assert [entry["name"] for entry in shown(feed)["alarms"]] == [f"{STACK}-fetch-failures"]
    assert feed("status").exit_code == 0


def test_a_queue_shows_how_long_its_oldest_message_has_waited(cloud: EmbeddedCloud, feed: Feed) -> None:
    url = cloud.queue_url("FetchFailures")
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="{}")
    cloud.client("cloudwatch").put_metric_data(
        Namespace="AWS/SQS",
        MetricData=[
            {
                "MetricName": "ApproximateAgeOfOldestMessage",
                "Dimensions": [{"Name": "QueueName", "Value": f"{STACK}-FetchFailures"}],
                "Value": 7200,
                "Timestamp": datetime.now(UTC) - timedelta(minutes=1),
            }
        ],
    )

    finished, status = feed("status"), shown(feed)
    cloud.client("sqs").purge_queue(QueueUrl=url)

    assert finished.exit_code == 1
    assert "2 h" in finished.stdout
    assert status["queues"][0] == {"name": "FetchFailures", "visible": 1, "hidden": 0, "oldestSeconds": 7200}


def test_a_source_without_a_valid_main_file_has_no_last_run(cloud: EmbeddedCloud, feed: Feed) -> None:
    source = {"Bucket": cloud.source_bucket(), "Key": "aws-data/complete-data.json"}
    whole = cloud.client("s3").get_object(**source)["Body"].read()
    cloud.client("s3").delete_object(**source)

    finished, status = feed("status"), shown(feed)
    cloud.client("s3").put_object(**source, Body=whole)
    cloud.settle()

    assert finished.exit_code == 1
    assert "there is no valid complete-data.json" in finished.stdout
    assert status["run"] is None
    assert {entry["name"]: entry["state"] for entry in status["files"]}["complete-data.json"] == "gone from the source"


def test_someone_who_may_not_read_alarms_is_told_so(cloud: EmbeddedCloud, feed: Feed) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "cloudwatch:*", "Resource": "*"}]}
    policy = {"UserName": "operator", "PolicyName": "no-alarms"}
    cloud.client("iam").put_user_policy(**policy, PolicyDocument=json.dumps(document))

    finished = feed("status")
    cloud.client("iam").delete_user_policy(**policy)

    assert finished.exit_code == 1
    assert "cloudwatch:DescribeAlarms" in finished.stdout


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "120 min"), (7_200, "2 h"), (172_800, "2 days")],
)
def test_a_time_span_is_said_in_one_unit(seconds: float, words: str) -> None:
    assert age_words(seconds) == words


def test_advice_acts_on_the_stack_that_was_looked_at(cloud: EmbeddedCloud, deploy: Deploy, feed: Feed) -> None:
    deploy("feed-prod", cloud.stack.outputs)
    cloud.client("s3").put_object(Bucket=cloud.source_bucket(), Key="aws-data/regions.json", Body=b"<html>")
    cloud.settle()
    found_with = ("--stack-name", "feed-prod", "--region", "us-east-1")

    printed = [feed(name, *found_with).stdout for name in ("failures", "status", "verify")]

    assert all(f"feed redrive {' '.join(found_with)} --yes" in text for text in printed)


def test_what_is_trouble_comes_first(cloud: EmbeddedCloud, feed: Feed) -> None:
    cloud.client("s3").delete_object(Bucket=cloud.website, Key="data/regions.json")
    alarm(cloud, f"{STACK}-sweeper-silent", "ALARM")  # no trouble yet: the stack is new
    alarm(cloud, f"{STACK}-sweep-rejected", "ALARM")

    status = shown(feed)

    assert [entry["trouble"] for entry in status["todo"]] == [True, True, False]
    assert status["todo"][2]["name"] == f"alarm {STACK}-sweeper-silent"


def test_files_without_a_source_are_told_with_the_drift_and_are_no_trouble(cloud: EmbeddedCloud, feed: Feed) -> None:
    for name in ("a file.json", "b.json", "c.json"):
        upload(cloud, name)
    for name in ("a file.json", "b.json"):
        cloud.client("s3").delete_object(Bucket=cloud.source_bucket(), Key=f"aws-data/{name}")

    finished, status = feed("status", "--drift", "--region", "us-east-1"), shown(feed, "--drift")

    assert finished.exit_code == 0, finished.output
    assert "feed unpublish --region us-east-1 'a file.json' takes it down" in finished.stdout
    assert status["drift"]["orphans"] == {"count": 2, "complete": True, "first": ["a file.json", "b.json"]}
    (check,) = status["todo"]
    assert (check["trouble"], check["found"]) == (False, "2 file(s) are not: a file.json, b.json")


def test_someone_who_may_not_list_the_website_is_told_that_orphans_are_not_known(
    cloud: EmbeddedCloud, feed: Feed
) -> None:
    website = f"arn:aws:s3:::{cloud.website}"
    statement = {"Effect": "Deny", "Action": "s3:ListBucket", "Resource": website}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    policy = {"UserName": "operator", "PolicyName": "no-listing"}
    cloud.client("iam").put_user_policy(**policy, PolicyDocument=json.dumps(document))

    status = shown(feed, "--drift")
    cloud.client("iam").delete_user_policy(**policy)

    assert status["drift"]["orphans"] is None
    assert [(check["name"], check["trouble"]) for check in status["todo"]] == [
        ("what is on the website is in the source", False)
    ]
