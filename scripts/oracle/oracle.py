"""Reads predict requests as Immich's ML server does, with FastAPI, Starlette and python-multipart but without models.

One JSON object per line on standard input: {"headers": [[name, value], ...], "chunks": [base64, ...]}.
One JSON object per line on standard output: {"status", "jobs": [[task, type, model, options], ...], "input", "items"}.
`items` are the fields and files of the form in order, as [name, "file" | "text" | "empty"].
"""

import asyncio
import base64
import logging
import sys

import orjson
from fastapi import Depends, FastAPI, File, Form, HTTPException, Request
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile


def jobs_of(entries: str = Form()) -> list:
    # Immich answers these errors with 422 and all others with 500.
    try:
        tasks = orjson.loads(entries)
        jobs = []
        for task, types in tasks.items():
            for kind, entry in types.items():
                model = entry["modelName"]
                # Immich splits the name, so it must be a string.
                model.split("/")
                jobs.append([task, kind, model, entry.get("options", {})])
        return jobs
    except (orjson.JSONDecodeError, KeyError, AttributeError):
        raise HTTPException(422, "Invalid request format.")


async def async_jobs_of(entries: str = Form()) -> list:
    return jobs_of(entries)


# python-multipart would log every malformed body.
logging.disable()

app = FastAPI()


@app.post("/predict")
async def predict(
    request: Request,
    jobs: list = Depends(async_jobs_of),
    image: bytes | None = File(default=None),
    text: str | None = Form(default=None),
) -> JSONResponse:
    if image is None and text is None:
        raise HTTPException(400, "Either image or text must be provided")
    form = await request.form()
    items = [[name, kind_of(value)] for name, value in form.multi_items()]
    return JSONResponse({"jobs": jobs, "input": "text" if image is None else "image", "items": items})


def kind_of(value: UploadFile | str) -> str:
    if isinstance(value, UploadFile):
        return "file"
    return "text" if value else "empty"


# JSONResponse rejects NaN and infinity; orjson writes null.
JSONResponse.render = lambda _, content: orjson.dumps(content)


async def answer(headers: list, chunks: list) -> dict:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/predict",
        "raw_path": b"/predict",
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 3003),
    }
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    incoming = iter(messages)
    status = 500
    body = bytearray()

    async def receive() -> dict:
        return next(incoming, {"type": "http.disconnect"})

    async def send(message: dict) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            body.extend(message.get("body", b""))

    try:
        await app(scope, receive, send)
    except Exception:
        # uvicorn answers 500.
        return {"status": 500}
    return {"status": status, **orjson.loads(body)} if status == 200 else {"status": status}


async def main() -> None:
    for line in sys.stdin.buffer:
        request = orjson.loads(line)
        chunks = [base64.b64decode(chunk) for chunk in request["chunks"]]
        sys.stdout.buffer.write(orjson.dumps(await answer(request["headers"], chunks)) + b"\n")
        sys.stdout.buffer.flush()


asyncio.run(main())
