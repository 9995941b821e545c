#!/bin/bash
# Starts one node, on an empty disk after laying out its log. The image's own start would take all settings from the environment, where
# passwords do not belong.
set -euo pipefail
properties=/tmp/server.properties
{
    cat /etc/schakel/server.properties /etc/schakel/access.properties
    echo "node.id=$NODE_ID"
    # broker-N is the node's name on the brokers' own network, so there alone it listens for the other nodes.
    echo "listeners=CLIENTS://:9092,CONTROLLER://broker-$NODE_ID:9093,BROKERS://broker-$NODE_ID:9094"
    echo "advertised.listeners=CLIENTS://kafka-$NODE_ID:9092,BROKERS://broker-$NODE_ID:9094"
} >"$properties"

log=/var/lib/kafka/data/log
if [ ! -f "$log/meta.properties" ]; then
    # What a start that was killed halfway left behind holds no record yet.
    rm -rf "$log"
    KAFKA_HEAP_OPTS=-Xmx128m /opt/kafka/bin/kafka-storage.sh format --cluster-id="$CLUSTER_ID" --config "$properties"
fi
exec /opt/kafka/bin/kafka-server-start.sh "$properties"
