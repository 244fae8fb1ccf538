#!/usr/bin/env python3
"""Copy the zone and the leases to the name server."""
import subprocess

for name in ("dns/weather.zone", "dhcp/stations.conf"):
    subprocess.run(["scp", name, "ns1.weather.example:/etc/weather/"], check=True)
