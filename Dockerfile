# `predict` and `annotate` alone, without torch. Not built yet: it was written where no Docker is at hand.
#
#   make wheel
#   docker build -t guitarclf .
#   docker run --rm --user "$(id -u)" -v "$PWD:/sound" guitarclf annotate lesson.wav --output-dir timelines
FROM python:3.12-slim
COPY constraints-predict.txt dist/guitarclf-*.whl /install/
RUN pip install --no-cache-dir --no-deps -r /install/constraints-predict.txt /install/guitarclf-*.whl
ENV ORT_DISABLE_TELEMETRY=1
USER nobody
WORKDIR /sound
ENTRYPOINT ["guitarclf"]
