"""What the endpoint listens on: a port that can be taken, a certificate that can be used. No Ray."""

import socket
import ssl

from cluster.errors import AddressError, UserError
from workloads.serving.spec import ServingSpec


def require_certificate(spec: ServingSpec) -> None:
    """Raises UserError where the certificate and its key cannot be used; does nothing without TLS."""
    if not spec.tls_certificate:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(spec.tls_certificate, spec.tls_key, password=_no_password)
    except (OSError, ValueError) as error:  # an ssl.SSLError is an OSError
        raise UserError(
            f"the certificate {spec.tls_certificate} with the key {spec.tls_key} cannot be used ({error})",
            "two PEM files that fit together, the key without a password",
            "check serving.tls_certificate and serving.tls_key",
        ) from error


def _no_password() -> str:
    raise ValueError("the key has a password")


def require_free_port(host: str, port: int) -> None:
    """Raises AddressError that names a free port where this one cannot be taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AddressError(
                f"port {port} on {host} cannot be taken ({error.strerror})",
                "a free port",
                f"stop what uses it, or take another one with --set serving.port={free_port(host)}",
            ) from error


def free_port(host: str = "127.0.0.1") -> int:
    """A port that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host if host != "0.0.0.0" else "127.0.0.1", 0))
        return int(probe.getsockname()[1])
