"""HTTP: the API, the wallboard, metrics and health, on Faust's own web server.

`install(app, services)` adds everything; `Services` is what the handlers need from outside.
"""

from streams.http.services import Services
from streams.http.site import Site, build_app, install

__all__ = ["Services", "Site", "build_app", "install"]
