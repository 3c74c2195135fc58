"""Real caches in front of a CI server: processes on loopback that keep what they should not.

Debian packages: nginx-light, apache2, squid, varnish, haproxy.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STARTED, STOPPED = 15.0, 5.0
"""Seconds for a process to listen, and to end."""

NGINX = """
{user} daemon off; pid {folder}/pid; error_log {folder}/log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  proxy_cache_path {folder}/cache keys_zone=ci:1m;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{origin}; proxy_cache ci; proxy_cache_valid 200 1h;
      proxy_ignore_headers Cache-Control Expires;
      proxy_cache_use_stale error timeout http_502; {more}
    }}
  }}
}}
"""

APACHE = """
ServerName ci.example
ServerRoot {folder}
PidFile {folder}/pid
ErrorLog {folder}/log
Listen 127.0.0.1:{port}
DefaultRuntimeDir {folder}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule cache_module /usr/lib/apache2/modules/mod_cache.so
LoadModule cache_disk_module /usr/lib/apache2/modules/mod_cache_disk.so
CacheRoot {folder}/cache
CacheEnable disk /
CacheIgnoreCacheControl On
CacheStoreNoStore On
CacheDefaultExpire 3600
CacheIgnoreNoLastMod On
{more}
ProxyPass / http://127.0.0.1:{origin}/ retry=0
"""

SQUID = """
http_port 127.0.0.1:{port} accel defaultsite=127.0.0.1
cache_peer 127.0.0.1 parent {origin} 0 no-query originserver
http_access allow all
cache_mem 8 MB
pid_filename {folder}/pid
access_log none
cache_log {folder}/log
cache_store_log none
coredump_dir {folder}
visible_hostname cache.example
shutdown_lifetime 0 seconds
pinger_enable off
refresh_pattern . 60 100% 60 override-expire ignore-reload ignore-no-store ignore-private
{more}
"""

VARNISH = """
vcl 4.1;
backend default {{ .host = "127.0.0.1"; .port = "{origin}"; }}
sub vcl_backend_response {{ set beresp.ttl = 1h; set beresp.grace = 1h; {more} }}
"""

HAPROXY = """
global
  log stdout local0
defaults
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
cache ci
  total-max-size 4
  max-age 3600
frontend lamp
  bind 127.0.0.1:{port}
  http-request del-header Cache-Control
  http-request cache-use ci
  http-response cache-store ci
  {more}
  default_backend origin
backend origin
  http-response set-header Cache-Control max-age=3600
  server ci 127.0.0.1:{origin}
"""

Command = Callable[[Path, Path, int], list[str]]

CACHES: dict[str, tuple[str, str, Command]] = {
    "nginx": ("nginx", NGINX, lambda file, folder, _: ["-c", str(file), "-p", str(folder)]),
    "apache": ("apache2", APACHE, lambda file, _folder, _port: ["-X", "-f", str(file)]),
    "squid": ("squid", SQUID, lambda file, _folder, _port: ["-N", "-f", str(file)]),
    "varnish": (
        "varnishd",
        VARNISH,
        lambda file, folder, port: [
            *("-F", "-f", str(file), "-a", f"127.0.0.1:{port}"),
            *("-n", str(folder / "varnish"), "-s", "malloc,8m", "-j", "none"),
        ],
    ),
    "haproxy": ("haproxy", HAPROXY, lambda file, _folder, _port: ["-db", "-f", str(file)]),
}
"""Name, program, configuration and arguments of each cache."""


def program(name: str) -> str | None:
    """Return the path of the program of the cache called *name*, ``None`` if not installed."""
    return shutil.which(CACHES[name][0], path=f"{os.environ['PATH']}:/usr/sbin")


@contextmanager
def cache(name: str, *, origin: int, folder: Path, more: str = "") -> Iterator[str]:
    """Run the cache called *name* before the port *origin*; yield the address of the feed in it."""
    port = _free_port()
    file = folder / "conf"
    (folder / "cache").mkdir(parents=True)
    _, template, arguments = CACHES[name]
    # As root, nginx would become a user who may not read the folder of the test.
    user = "user root;" if os.geteuid() == 0 else ""
    file.write_text(template.format(folder=folder, port=port, origin=origin, more=more, user=user))
    executable = program(name)
    assert executable is not None
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [executable, *arguments(file, folder, port)], stdout=output, stderr=output
        )
    try:
        _wait_for(port, process, folder)
        yield f"http://127.0.0.1:{port}/cc.xml"
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOPPED)
        process.kill()
        process.wait(STOPPED)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + STARTED
    while time.monotonic() < end:
        assert process.poll() is None, (folder / "output").read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"it does not listen: {(folder / 'output').read_text()}")
