"""Jobs in parallel: processes of this machine, or a Ray cluster."""
