"""Calls for the dashboards to show: a PBX with two queues and five trunks pushes the records of calls, and says how it
is. A load of a few calls each second, for the eye; it measures nothing.

    traffic.py --grpc HOST:PORT --http HOST:PORT --grpcurl PROGRAM --seconds N       TELECOM_TOKEN: an administrator's

The configuration must name the queues `support` and `sales` for the call centre to have series.
"""

import argparse
import base64
import json
import math
import os
import random
import subprocess
import time
import urllib.request
from datetime import datetime, timedelta, timezone

# A wave this long goes through the number of calls, their answers and the waiting time, so that graphs have a shape.
WAVE = 900
TICK = 2
REPORT = 10
QUEUES = {"support": 20, "sales": 10}
# Trunks of the PBX: customers' and carriers', by currency and price for a minute. Trunk 29 belongs to nobody yet.
CUSTOMERS = {"11": ("EUR", "0.03"), "12": ("EUR", "0.045"), "13": ("USD", "0.04")}
CARRIERS = {"21": ("EUR", "0.021"), "22": ("USD", "0.026")}
UNMAPPED = "29"
AGENTS = ["ada", "bert", "cleo"]


class Server:
    def __init__(self, options):
        self.options = options

    def grpc(self, token, method, message):
        command = [self.options.grpcurl, "-plaintext", "-H", f"authorization: Bearer {token}", "-d", json.dumps(message)]
        done = subprocess.run([*command, self.options.grpc, f"telecom.v1.{method}"], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{method}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def push(self, token, records):
        request = urllib.request.Request(f"http://{self.options.http}/v1/call-records", json.dumps(records).encode())
        request.add_header("authorization", f"Bearer {token}")
        request.add_header("content-type", "application/json")
        with urllib.request.urlopen(request, timeout=15) as answer:
            return json.load(answer)["results"]


def open_pbx(server, admin):
    """A PBX of its own for each run, with its trunks; its token."""
    run = f"{int(time.time())}"
    created = server.grpc(admin, "PbxManage/CreatePbx", {"config": {"name": f"traffic-{run}"}})
    pbx = created["pbx"]["id"]
    for role, trunks in (("CUSTOMER", CUSTOMERS), ("CARRIER", CARRIERS)):
        for trunk, (currency, price) in trunks.items():
            deck = {"name": f"{role.lower()} {trunk} {run}", "currency": currency}
            deck = server.grpc(admin, "WholesaleManage/CreateDeck", deck)["deck"]["id"]
            rates = f"prefix,rate,minimum_seconds,increment_seconds,valid_from\n1555,{price},6,6,2026-01-01T00:00:00Z\n"
            rates = base64.b64encode(rates.encode()).decode()
            server.grpc(admin, "WholesaleManage/ImportRates", {"deck_id": deck, "csv": rates, "mode": "IMPORT_MODE_ADD"})
            trunk = {"pbx_id": pbx, "trunk_id": trunk, "role": f"TRUNK_ROLE_{role}", "deck_id": deck}
            server.grpc(admin, "WholesaleManage/SetTrunk", trunk)
    return created["token"]


def stamp(moment):
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def wave(shift=0.0):
    """From 0 to 1 and back."""
    return 0.5 + 0.5 * math.sin(2 * math.pi * (time.time() / WAVE + shift))


def call(chance):
    """One call that ends now, as RustPBX writes it."""
    end = datetime.now(timezone.utc)
    direction = chance.choices(["outbound", "inbound", "internal"], [6, 3, 1])[0]
    queue = chance.choice(list(QUEUES)) if direction == "inbound" and chance.random() < 0.8 else None
    # Whoever gets into a queue reached somebody; few of them give up.
    answered = chance.random() < (0.95 if queue else 0.5 + 0.3 * wave(0.25))
    talk = chance.expovariate(1 / 90) if answered else 0
    waited = chance.expovariate(1 / (3 + 4 * wave())) if queue else chance.uniform(2, 12)
    answer = end - timedelta(seconds=talk)
    ring = answer - timedelta(seconds=waited)
    start = ring - timedelta(seconds=chance.uniform(0.3, 2.5))
    code = 200 if answered else chance.choices([486, 487, 503, 404], [5, 4, 2, 1])[0]
    identity = f"{chance.getrandbits(64):016x}@traffic"
    record = {
        "callId": identity, "sessionId": identity, "direction": direction, "statusCode": code,
        "startTime": stamp(start), "endTime": stamp(end),
        "ringTime": stamp(ring) if code < 500 and code != 404 else None, "answerTime": stamp(answer) if answered else None,
        "caller": "sip:15550199@customer.example.net", "callee": "sip:15550100@carrier.example.net",
        "fromNumber": "15550199", "toNumber": "15550100", "queue": queue,
        "agentName": chance.choice(AGENTS) if queue and answered else None,
    }
    if direction == "inbound":
        record["sipTrunkId"] = chance.choice(list(CUSTOMERS))
    if direction == "outbound":
        # Mostly bought in the currency that it is sold in, now and then in another, or from a carrier nobody knows.
        customer = record["sipTrunkId"] = chance.choice(list(CUSTOMERS))
        same, other = ("21", "22") if CUSTOMERS[customer][0] == "EUR" else ("22", "21")
        record["outboundSipTrunkId"] = chance.choices([same, other, UNMAPPED], [90, 5, 3])[0]
    return record


def state(chance):
    waits = {name: int(chance.expovariate(1 / (0.2 + 3 * wave()))) for name in QUEUES}
    queues = [{"queue": name, "length": waits[name], "agents_available": chance.randint(0, 3)} for name in QUEUES]
    return {"active_calls": int(60 + 80 * wave() + chance.randint(-5, 5)), "queues": queues, "ttl": "30s", "version": "0.4.2"}


def main():
    parser = argparse.ArgumentParser()
    for option in ("--grpc", "--http", "--grpcurl"):
        parser.add_argument(option, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    server, chance = Server(options), random.Random()
    token = open_pbx(server, os.environ["TELECOM_TOKEN"])
    ends, reported, before = time.time() + options.seconds, 0.0, []
    while time.time() < ends:
        records = [call(chance) for _ in range(int(chance.gauss(2 + 5 * wave(), 1)))]
        # A PBX that is not sure sends again, and one that is broken sends what cannot be stored.
        if before and chance.random() < 0.1:
            records.append(before[0])
        if chance.random() < 0.05:
            records.append({**call(chance), "direction": "sideways"})
        try:
            if records:
                server.push(token, records)
                before = records
            if time.time() - reported > REPORT:
                server.grpc(token, "CallIngest/ReportPbxState", state(chance))
                reported = time.time()
        except (OSError, RuntimeError) as problem:
            # A rollout: what was on its way is sent by the next push.
            print(problem, flush=True)
        time.sleep(TICK)


if __name__ == "__main__":
    main()
