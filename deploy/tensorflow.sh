#!/bin/sh
# Installs TensorFlow's library for the backend `tensorflow`: deploy/tensorflow.sh cpu|gpu [WHEEL]
exec node "$(dirname "$0")/run.mjs" deploy/setup/tensorflow-main.js "$@"
