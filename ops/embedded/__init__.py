"""AWS on one machine: the resources of template.yaml, on stand-ins that run in this process or are started by it."""
