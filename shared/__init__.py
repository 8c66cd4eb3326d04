"""Code of both packages: the contract of the published files, settings, AWS clients, logs, metrics and traces."""

import gc

# What a start makes stays: modules, and botocore's data of each service. By default Python looks for garbage in it a
# hundred and fifty times, for a tenth of the start. Now garbage in cycles waits a little longer, some MB at most.
gc.set_threshold(50_000)
