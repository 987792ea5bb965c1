package org.elasticsearch.node;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

import org.elasticsearch.bootstrap.BootstrapInfo;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.plugins.ClassPathPlugins;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.plugins.PluginsLoader;
import org.elasticsearch.plugins.PluginsService;
import org.elasticsearch.transport.netty4.Netty4Plugin;
import org.elasticsearch.xpack.core.XPackPlugin;

/**
 * {@code Server HOME PORT [setting=value | plugin=CLASS ...]} runs a node on 127.0.0.1 until SIGTERM. It prints "started" and
 * keeps its data in HOME.
 */
public final class Server {
    private final Settings.Builder settings = Settings.builder();
    private final List<Class<? extends Plugin>> plugins = new ArrayList<>(
        List.of(Netty4Plugin.class, XPackPlugin.class, StandIn.class));
    private final Path config;

    private Server(String home, String port) throws Exception {
        Path root = Path.of(home).toAbsolutePath();
        config = Files.createDirectories(root.resolve("config"));
        settings.put("path.home", root).put("cluster.name", "test").put("node.name", "test").put("discovery.type", "single-node");
        settings.put("network.host", "127.0.0.1").put("http.port", port).put("transport.port", "0");
        settings.put("http.type", "netty4").put("transport.type", "netty4");
        settings.put("cluster.routing.allocation.disk.threshold_enabled", false);
    }

    /** Takes an argument. */
    private void take(String argument) throws ClassNotFoundException {
        String[] pair = argument.split("=", 2);
        if (pair[0].equals("plugin")) {
            plugins.add(Class.forName(pair[1]).asSubclass(Plugin.class));
        } else {
            settings.put(pair[0], pair[1]);
        }
    }

    private Node start() throws Exception {
        LogConfigurator.registerErrorListener();
        BootstrapInfo.init();
        LogConfigurator.setClusterName("test");
        LogConfigurator.setNodeName("test");
        LogConfigurator.configureWithoutConfig(settings.build());
        LogConfigurator.configureESLogging();
        Environment env = InternalSettingsPreparer.prepareEnvironment(settings.build(), Map.of(), config, () -> "test");
        Node node = new Node(NodeConstruction.prepareConstruction(env, null, new NodeServiceProvider() {
            @Override
            PluginsService newPluginService(Environment e, PluginsLoader loader) {
                return new ClassPathPlugins(e.settings(), e.configDir(), plugins);
            }
        }, false));
        node.start();
        return node;
    }

    public static void main(String[] args) throws Exception {
        Server server = new Server(args[0], args[1]);
        for (String a : Arrays.copyOfRange(args, 2, args.length)) {
            server.take(a);
        }
        Node node = server.start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception e) {
                e.printStackTrace();
            }
        }));
        System.out.println("started");
        Thread.currentThread().join();
    }
}
