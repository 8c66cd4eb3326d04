import os

from cloud import isolate


def test_nothing_of_a_persons_aws_set_up_is_left_and_loopback_needs_no_proxy() -> None:
    environ = {"AWS_PROFILE": "work", "AWS_ENDPOINT_URL_S3": "http://x", "PATH": "/bin", "NO_PROXY": "example.org"}

    isolate(environ)

    assert environ == {
        "PATH": "/bin",
        "NO_PROXY": "example.org,127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
