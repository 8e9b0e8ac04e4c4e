"""A client of the management API in Python, on the standard library alone (3.9 or newer).

Copy it; `python3 docs/clients/lapel.py` runs the tour at its end with LAPEL_URL and LAPEL_API_KEY.
"""

import json
import os
import time
import urllib.error
import urllib.request
import uuid

ATTEMPTS = 5


class LapelError(Exception):
    """Every refusal: its code stands in the list of the API's description."""

    def __init__(self, status, error):
        super().__init__(f"{error['message']} ({error['code']}, {error['request_id']})")
        self.status = status
        self.code = error["code"]
        self.request_id = error["request_id"]


class Lapel:
    def __init__(self, url, key):
        self._url = url
        self._key = key
        # Of the newest write: a read that sends it sees that write, on whatever node.
        self._position = None

    def call(self, method, path, body=None):
        """One call. A POST carries an Idempotency-Key, so that it is safe to send again when the answer was lost or said 429 or 503."""
        headers = {"Authorization": f"Bearer {self._key}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        if method == "GET" and self._position:
            headers["Min-Position"] = self._position
        data = None if body is None else json.dumps(body).encode()
        for attempt in range(1, ATTEMPTS + 1):
            request = urllib.request.Request(self._url + path, data=data, headers=headers, method=method)
            try:
                with urllib.request.urlopen(request, timeout=30) as response:
                    if method != "GET":
                        self._position = response.headers.get("Position", self._position)
                    return json.load(response)
            except urllib.error.HTTPError as refused:
                wait = refused.headers.get("Retry-After")
                error = json.load(refused)["error"]
                if wait is None or attempt == ATTEMPTS:
                    raise LapelError(refused.code, error) from None
                time.sleep(float(wait))
            except urllib.error.URLError:
                if attempt == ATTEMPTS:
                    raise
                time.sleep(0.1 * 2**attempt)

    def list(self, path):
        """Every row of a list, page by page; rows that are added meanwhile are not in it."""
        joint = "&" if "?" in path else "?"
        cursor = ""
        while cursor is not None:
            at = f"&cursor={cursor}" if cursor else ""
            page = self.call("GET", f"{path}{joint}limit=100{at}")
            yield from page["data"]
            cursor = page["next_cursor"]


def tour(url, key):
    lapel = Lapel(url, key)
    person = lapel.call("POST", "/v1/end-users", {"name": "Ada Lovelace"})
    serial = f"PY-{uuid.uuid4().hex[:8]}"
    device = lapel.call("POST", "/v1/devices", {"serial_number": serial, "model": "bota_pin"})
    bound = lapel.call("POST", f"/v1/devices/{device['id']}/bind", {"end_user_id": person["id"]})
    # The token is shown this once: it belongs into the device, and nowhere else.
    firmware = Lapel(url, bound["device_token"])
    firmware.call("POST", "/v1/devices/me/heartbeat", {"battery_percent": 81})
    rows = [row["id"] for row in lapel.list(f"/v1/devices?end_user_id={person['id']}")]
    history = lapel.call("GET", f"/v1/devices/{device['id']}/history")
    refused = None
    try:
        lapel.call("POST", f"/v1/devices/{device['id']}/bind", {"end_user_id": person["id"]})
    except LapelError as error:
        refused = error.code
    unbound = lapel.call("POST", f"/v1/devices/{device['id']}/unbind")
    seen = {"devices": len(rows), "newest": history["data"][0]["type"], "refused": refused, "status": unbound["status"]}
    print(json.dumps(seen))


if __name__ == "__main__":
    tour(os.environ.get("LAPEL_URL", "http://127.0.0.1:8080"), os.environ.get("LAPEL_API_KEY", ""))
