"""The parts of the `servers` command: builds, processes, certificates, API client, cluster."""
