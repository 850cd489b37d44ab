"""Learns the services by reflection alone, builds the messages from what it learned, and asks for the health."""

import json
import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

channel = grpc.insecure_channel(sys.argv[1])
database = ProtoReflectionDescriptorDatabase(channel)
pool = DescriptorPool(database)
methods = {}
for name in database.get_services():
    methods[name] = sorted(method.name for method in pool.FindServiceByName(name).methods)

method = pool.FindServiceByName("SpiffeWorkloadAPI").FindMethodByName("FetchX509SVID")
fetch = channel.unary_stream(
    "/SpiffeWorkloadAPI/FetchX509SVID",
    request_serializer=lambda message: message.SerializeToString(),
    response_deserializer=GetMessageClass(method.output_type).FromString,
)
stream = fetch(GetMessageClass(method.input_type)(), metadata=[("workload.spiffe.io", "true")], timeout=10)
ids = [svid.spiffe_id for svid in next(iter(stream)).svids]
stream.cancel()
health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
print(json.dumps({"methods": methods, "ids": ids, "health": health_pb2.HealthCheckResponse.ServingStatus.Name(health.status)}))
