"""Who sends a request: found from a key of the project, or from a token of its identity provider."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import observability
from agent.errors import ConfigurationError, UsageError, WaypostError
from agent.keys import KeysFile
from agent.settings import JwtSettings, ServerSettings
from indexes import Principal

if TYPE_CHECKING:
    from jwt import PyJWKClient

__all__ = ["ANYONE", "Identities", "UnreachableKeysError"]

ANYONE = Principal("anonymous")
SECRET_BYTES = 32  # RFC 7518, 3.2: as long as the hash
FETCH_SECONDS = 5.0
REFUSED = "server.refused"


class UnreachableKeysError(WaypostError):
    """The identity provider's keys cannot be fetched."""

    code = "keys"
    retryable = True


class Identities:
    """Finds out who sends a request.

    Args:
        project: the project's folder.
        settings: what it says of its server.

    Raises:
        ConfigurationError: nobody could use the server, or a key of the provider is missing.
    """

    def __init__(self, project: Path, settings: ServerSettings) -> None:
        self.settings = settings
        self._keys = KeysFile(project)
        self._tokens = Tokens(project, settings.jwt) if settings.jwt is not None else None
        if settings.auth == "required" and self._tokens is None and not self._keys.keys():
            raise ConfigurationError(
                "Nobody could use this server: there are no keys, and no [server.jwt].",
                fix="make a key with `waypost key add USER`, or let everyone on this machine in with"
                ' `waypost serve --open` or [server] auth = "loopback".',
            )

    def find(self, credential: str | None) -> Principal | None:
        """Return who sent a key or token; None if that is nobody. It reads files and may ask a network.

        Raises:
            ConfigurationError: the file of keys cannot be read.
            UnreachableKeysError: the provider's keys cannot be fetched.
        """
        if self.settings.auth != "required":
            return ANYONE
        if not credential:
            return None
        key = self._keys.find(credential)
        if key is not None:
            return Principal(key.user, key.groups)
        return self._tokens.find(credential) if self._tokens is not None else None


class Tokens:
    """Checks JSON Web Tokens (RFC 7519) as RFC 8725 advises: pinned algorithms, issuer, audience, end.

    Args:
        project: the project's folder.
        settings: of [server.jwt].

    Raises:
        ConfigurationError: the key is missing or too short.
    """

    def __init__(self, project: Path, settings: JwtSettings) -> None:
        self._settings = settings
        self._published: PyJWKClient | None = None
        self._key: str | bytes = ""
        if settings.jwks_url:
            from jwt import PyJWKClient

            self._published = PyJWKClient(settings.jwks_url, timeout=FETCH_SECONDS)
        elif settings.secret_env:
            self._key = _secret(settings.secret_env)
        else:
            self._key = _public_key(project / settings.public_key)

    def find(self, token: str) -> Principal | None:
        """Return whom a token names; None if it does not count.

        Raises:
            UnreachableKeysError: the provider's keys cannot be fetched.
        """
        import jwt

        settings = self._settings
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                self._key_of(token),
                algorithms=list(settings.accepted),
                audience=settings.audience,
                issuer=settings.issuer,
                leeway=settings.leeway,
                options={"require": ["exp", "iss", "aud"]},
            )
            return _principal(claims, settings)
        except jwt.PyJWKClientConnectionError as error:
            raise UnreachableKeysError(
                "The identity provider's keys cannot be fetched.", fix="try again later."
            ) from error
        except (jwt.PyJWTError, UsageError) as error:
            observability.info(REFUSED, reason=type(error).__name__)  # its text may quote the token
            return None

    def _key_of(self, token: str) -> Any:
        if self._published is None:
            return self._key
        return self._published.get_signing_key_from_jwt(token).key


def _principal(claims: Mapping[str, Any], settings: JwtSettings) -> Principal:
    user = _claim(claims, settings.user_claim)
    groups = _claim(claims, settings.groups_claim) or []
    listed = [groups] if isinstance(groups, str) else groups
    if not isinstance(user, str) or not user.strip():
        raise UsageError(f"The claim {settings.user_claim!r} names no user.")
    if not isinstance(listed, list) or not all(isinstance(group, str) for group in listed):
        raise UsageError(f"The claim {settings.groups_claim!r} is no list of groups.")
    return Principal(user, tuple(listed))


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """Return a claim by its whole name, else by the path that its dots make."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _secret(variable: str) -> bytes:
    secret = os.environ.get(variable, "").encode()
    if len(secret) < SECRET_BYTES:
        raise ConfigurationError(
            f"The secret in {variable}, of [server.jwt] secret_env, has {len(secret)} bytes.",
            fix=f"set that variable to the provider's secret, of at least {SECRET_BYTES} bytes.",
        )
    return secret


def _public_key(path: Path) -> bytes:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        text = path.read_bytes()
        load_pem_public_key(text)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"[server.jwt] public_key: {str(path)!r} is no public key: {error}.",
            fix="name the provider's public key in PEM form.",
        ) from error
    return text
