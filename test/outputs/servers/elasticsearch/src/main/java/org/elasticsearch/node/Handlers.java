package org.elasticsearch.node;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import org.elasticsearch.Build;
import org.elasticsearch.action.admin.cluster.state.ClusterStateRequest;
import org.elasticsearch.action.admin.cluster.state.ClusterStateResponse;
import org.elasticsearch.action.admin.indices.create.AutoCreateAction;
import org.elasticsearch.action.admin.indices.create.CreateIndexRequest;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.metadata.DataStream;
import org.elasticsearch.cluster.metadata.MetadataIndexTemplateService;
import org.elasticsearch.cluster.metadata.ProjectMetadata;
import org.elasticsearch.common.regex.Regex;
import org.elasticsearch.core.TimeValue;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestChannel;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.rest.action.RestActionListener;
import org.elasticsearch.rest.action.RestToXContentListener;
import org.elasticsearch.xcontent.ToXContent;
import org.elasticsearch.xcontent.XContentBuilder;
import org.elasticsearch.xcontent.XContentParser;
import org.elasticsearch.xpack.core.ilm.LifecyclePolicy;
import org.elasticsearch.xpack.core.ilm.action.PutLifecycleRequest;

/** The requests that StandIn answers. */
final class Handlers {
    private Handlers() {}

    interface Body {
        void write(XContentBuilder x) throws IOException;
    }

    static void reply(RestChannel channel, boolean found, Body body) throws IOException {
        XContentBuilder x = channel.newBuilder().startObject();
        body.write(x);
        channel.sendResponse(new RestResponse(found ? RestStatus.OK : RestStatus.NOT_FOUND, x.endObject()));
    }

    /** The name and version of the server. */
    static final class Root extends BaseRestHandler {
        @Override
        public String getName() {
            return "root";
        }

        @Override
        public List<Route> routes() {
            return List.of(new Route(RestRequest.Method.GET, "/"), new Route(RestRequest.Method.HEAD, "/"));
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
            return channel -> reply(channel, true, x -> {
                x.field("name", "test").field("cluster_name", "test").field("cluster_uuid", "test");
                x.startObject("version").field("number", Build.current().qualifiedVersion()).field("build_flavor", "default").endObject();
                x.field("tagline", "You Know, for Search");
            });
        }
    }

    /** Lifecycle policies. They are parsed as by the real module, kept in memory, and never run. */
    static final class Policies extends BaseRestHandler {
        private final Map<String, LifecyclePolicy> all = new ConcurrentHashMap<>();

        @Override
        public String getName() {
            return "policies";
        }

        @Override
        public List<Route> routes() {
            return List.of(new Route(RestRequest.Method.GET, "/_ilm/policy"), new Route(RestRequest.Method.GET, "/_ilm/policy/{name}"),
                new Route(RestRequest.Method.PUT, "/_ilm/policy/{name}"));
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) throws IOException {
            String name = request.param("name");
            if (request.method() == RestRequest.Method.PUT) {
                all.put(name, parse(request, name));
                return channel -> reply(channel, true, x -> x.field("acknowledged", true));
            }
            return channel -> reply(channel, name == null || all.containsKey(name), x -> {
                for (Map.Entry<String, LifecyclePolicy> e : all.entrySet()) {
                    if (name == null || name.equals(e.getKey())) {
                        x.startObject(e.getKey()).field("policy", e.getValue()).endObject();
                    }
                }
            });
        }

        private static LifecyclePolicy parse(RestRequest request, String name) throws IOException {
            try (XContentParser parser = request.contentParser()) {
                return PutLifecycleRequest.parseRequest(new PutLifecycleRequest.Factory() {
                    @Override
                    public PutLifecycleRequest create(LifecyclePolicy policy) {
                        return new PutLifecycleRequest(TimeValue.MINUS_ONE, TimeValue.MINUS_ONE, policy);
                    }

                    @Override
                    public String getPolicyName() {
                        return name;
                    }
                }, parser).getPolicy();
            }
        }
    }

    /** Data streams, from the cluster state in which the server itself keeps them. */
    static final class DataStreams extends BaseRestHandler {
        @Override
        public String getName() {
            return "data_streams";
        }

        @Override
        public List<Route> routes() {
            return List.of(new Route(RestRequest.Method.GET, "/_data_stream"), new Route(RestRequest.Method.GET, "/_data_stream/{name}"),
                new Route(RestRequest.Method.PUT, "/_data_stream/{name}"));
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
            String name = request.param("name", "*");
            boolean put = request.method() == RestRequest.Method.PUT;
            ClusterStateRequest state = new ClusterStateRequest(TimeValue.MINUS_ONE).clear().metadata(true);
            return channel -> client.admin().cluster().state(state, new RestActionListener<ClusterStateResponse>(channel) {
                @Override
                protected void processResponse(ClusterStateResponse response) throws Exception {
                    ProjectMetadata project = response.getState().metadata().getProject();
                    if (put) {
                        create(project, name, client, channel);
                    } else {
                        list(project, name, channel);
                    }
                }
            });
        }

        private static void create(ProjectMetadata project, String name, NodeClient client, RestChannel channel) {
            String template = MetadataIndexTemplateService.findV2Template(project, name, false);
            if (template == null || project.templatesV2().get(template).getDataStreamTemplate() == null) {
                throw new IllegalArgumentException("no matching index template found for data stream [" + name + "]");
            }
            client.execute(AutoCreateAction.INSTANCE, new CreateIndexRequest(name), new RestToXContentListener<>(channel));
        }

        private static void list(ProjectMetadata project, String name, RestChannel channel) throws IOException {
            List<DataStream> found = project.dataStreams().values().stream().filter(d -> Regex.simpleMatch(name, d.getName())).toList();
            reply(channel, found.isEmpty() == false || name.contains("*"), x -> {
                x.startArray("data_streams");
                for (DataStream d : found) {
                    d.toXContent(x, ToXContent.EMPTY_PARAMS);
                }
                x.endArray();
            });
        }
    }
}
