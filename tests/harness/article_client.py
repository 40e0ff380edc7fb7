"""The article's client, transcribed for comparison: its decisions line by line, its printing left out.

Its clock is handed in, so that it runs in virtual time; its HTTP client is, so that it can be watched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

CIRCUIT_BREAKER_THRESHOLD = 10
CIRCUIT_BREAKER_TIMEOUT = 60


class HolySheepAIClient:
    """As in the article."""

    def __init__(self, client: httpx.AsyncClient, clock: Callable[[], float], max_concurrent: int) -> None:
        self.semaphore = asyncio.Semaphore(max_concurrent)
        self.error_count = 0
        self.circuit_open = False
        self.circuit_open_time = 0.0
        self._client = client
        self._clock = clock

    def _check_circuit_breaker(self) -> None:
        if self.circuit_open:
            if self._clock() - self.circuit_open_time < CIRCUIT_BREAKER_TIMEOUT:
                raise Exception("Circuit breaker is OPEN - too many failures")
            self.circuit_open = False
            self.error_count = 0

    def _record_success(self) -> None:
        self.error_count = max(0, self.error_count - 1)

    def _record_failure(self) -> None:
        self.error_count += 1
        if self.error_count >= CIRCUIT_BREAKER_THRESHOLD:
            self.circuit_open = True
            self.circuit_open_time = self._clock()

    @retry(
        stop=stop_after_attempt(3),
        wait=wait_exponential(multiplier=1, min=2, max=10),
        retry=retry_if_exception_type((httpx.TimeoutException, httpx.ConnectError)),
    )
    async def generate_copy(
        self, prompt: str, model: str = "gpt-4.1", max_tokens: int = 1000
    ) -> dict[str, Any]:
        """As in the article."""
        self._check_circuit_breaker()
        async with self.semaphore:
            try:
                response = await self._client.post(
                    "http://api.test/v1/chat/completions",
                    json={
                        "model": model,
                        "messages": [
                            {"role": "system", "content": "คุณเป็นผู้เชี่ยวชาญด้านการเขียนคอนเทนต์ภาษาไทย"},
                            {"role": "user", "content": prompt},
                        ],
                        "max_tokens": max_tokens,
                        "temperature": 0.7,
                    },
                )
                if response.status_code == 200:
                    self._record_success()
                    result: dict[str, Any] = response.json()
                    return result
                if response.status_code == 401:
                    raise Exception("401 Unauthorized")
                if response.status_code == 429:
                    raise httpx.TimeoutException("Rate limited")
                raise Exception(f"API Error: {response.status_code}")
            except (httpx.TimeoutException, httpx.ConnectError):
                self._record_failure()
                raise
