"""HTTPS with a certificate of our own, made when the server starts."""

import datetime as dt
import ipaddress
import ssl
import tempfile
from pathlib import Path

from mockserver.errors import StartError

# Longer than any run, and short enough that a forgotten one is of no use.
VALID = dt.timedelta(days=7)
# Clocks of a container and of its host may differ.
_SLACK = dt.timedelta(hours=1)


def self_signed(path: Path, host: str) -> ssl.SSLContext:
    """A context that serves a new certificate for `host`, localhost and the loopback addresses.

    The certificate is written to `path`, for clients to trust; its key is nowhere to be found afterwards.
    Raises StartError where the file cannot be written, or cryptography (extra `tls`) is not installed.
    """
    certificate, key = _make(host)
    try:
        path.write_bytes(certificate)
        with tempfile.NamedTemporaryFile(prefix="mockserver-key-", suffix=".pem") as file:  # mode 0600
            file.write(key)
            file.flush()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(path, file.name)
    except OSError as error:
        raise StartError(f"cannot write the certificate {path}: {error.strerror}") from error
    context.set_alpn_protocols(["http/1.1"])
    return context


def _make(host: str) -> tuple[bytes, bytes]:
    """A certificate and its key, as PEM."""
    try:
        from cryptography import x509  # noqa: PLC0415 - an extra, and slow to import
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    except ImportError as error:
        raise StartError(
            "TLS needs the package cryptography: pip install 'primetime-harness[tls]'"
        ) from error
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "primetime mockserver")])
    now = dt.datetime.now(dt.UTC)
    addresses = {ipaddress.ip_address(text) for text in ("127.0.0.1", "::1", host)}
    names = [x509.DNSName("localhost"), *(x509.IPAddress(address) for address in sorted(addresses, key=str))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
