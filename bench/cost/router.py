"""A router by the technique of those on FastAPI: the whole body is read, then searched for the names of tasks and types."""

import os

import httpx
from fastapi import FastAPI, Request, Response

TEXT = os.environ["TEXT_URL"]
IMAGE = os.environ["IMAGE_URL"]
KEEP_ALIVE = os.environ["KEEP_ALIVE"] == "1"

app = FastAPI()


@app.on_event("startup")
async def connect():
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None if KEEP_ALIVE else 0)
    app.state.client = httpx.AsyncClient(limits=limits, timeout=120)


@app.post("/predict")
async def predict(request: Request):
    body = await request.body()
    url = TEXT if b'"textual"' in body else IMAGE
    headers = {"content-type": request.headers["content-type"]}
    answer = await app.state.client.post(url + "/predict", content=body, headers=headers)
    return Response(answer.content, answer.status_code, media_type=answer.headers["content-type"])
