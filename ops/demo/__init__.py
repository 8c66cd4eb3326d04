"""The main job on the embedded cloud, shown as it goes and checked: schedule to website, then changes by hand.

`scheduled_run`, `incidents` and `releases` are the chapters, `story` prints them, `files` is for both buckets.
"""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from botocore.exceptions import ClientError
from rich.console import Console

from cloud.deploy import DeployError
from cloud.embedded import EmbeddedCloud
from cloud.stand_ins.edge import EdgeServer
from cloud.template import TemplateError
from ops.demo import files, incidents, releases, scheduled_run
from ops.demo.story import Story


def run_demo(
    console: Console,
    output: Path | None = None,
    picture: Path | None = None,
    *,
    stay: Callable[[EmbeddedCloud], None] | None = None,
    in_process: bool = False,
) -> bool:
    """Run everything; True if every check held.

    The published files and a report go below `output`, an SVG of the headings and checks to `picture`, if given. `stay`
    is called with the cloud at the end, if all went well.
    """
    story = Story(console)
    story.begin("aws-services-feed on the embedded cloud", "template.yaml, deployed to this machine")
    with ExitStack() as stack:
        try:
            cloud = EmbeddedCloud(site=stack.enter_context(EdgeServer()), in_process=in_process)
            with story.chapter("1. Deploy the stack"):
                stack.enter_context(cloud)
            _tell(story, cloud)
            if output:
                _write_output(story, cloud, output)
        except (ClientError, DeployError, TemplateError) as error:
            story.check(f"the stack deploys and the story can be told to its end: {error}", holds=False)
        story.end()
        if picture:
            picture.write_text(story.picture(), encoding="utf-8")
        if stay and story.ok:
            stay(cloud)
    return story.ok


def _tell(story: Story, cloud: EmbeddedCloud) -> None:
    scheduled_run.show_stack(story, cloud)
    with story.chapter("2. The schedule fires: SSM -> fetcher -> source bucket -> distributor -> website bucket"):
        cloud.fire("FetchSchedule")
        with story.console.status("fetching and distributing"):
            cloud.settle(600)
    scheduled_run.show_fetch(story, cloud)
    scheduled_run.show_distribution(story, cloud)
    scheduled_run.show_invalidations(story, cloud)
    if not story.ok:
        story.console.print("\nThe rest needs what has just failed, and is not tried.")
        return
    scheduled_run.show_website(story, cloud)
    with story.chapter("3. A person re-uploads services.json"):
        incidents.upload_again(story, cloud)
    with story.chapter("4. A person uploads a changed regions.json, then brings the old version back"):
        incidents.change_regions(story, cloud)
    with story.chapter("5. A person uploads a broken regions.json, then the good one again"):
        incidents.upload_broken(story, cloud)
    with story.chapter("6. An object vanishes from the website, and the sweep's time comes"):
        incidents.lose_object(story, cloud)
    incidents.show_invalidations(story, cloud)
    with story.chapter("7. The next run finds a change, and makes a release of its own"):
        releases.show_change(story, cloud)
    with story.chapter("8. A run dies half-way: its manifest names a file that has not arrived"):
        releases.show_half_arrived(story, cloud)
    with story.chapter("9. An operator makes the first release current again"):
        releases.roll_back(story, cloud)
    with story.chapter("10. The alarms are looked at now, and once more after a day on which nothing has happened"):
        incidents.show_alarms(story, cloud)


def _write_output(story: Story, cloud: EmbeddedCloud, output: Path) -> None:
    for key in cloud.objects(cloud.website):
        path = output / "website" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files.read(cloud, cloud.website, key))
    report = output / "report.json"
    report.write_text(json.dumps({"ok": story.ok, **story.report}, indent=2) + "\n", encoding="utf-8")
    story.console.print(f"\nThe published objects are in {output / 'website'}, the report is {report}.")
