package org.elasticsearch.plugins;

import java.lang.reflect.Constructor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.Set;

import org.elasticsearch.Build;
import org.elasticsearch.action.admin.cluster.node.info.PluginsAndModules;
import org.elasticsearch.common.settings.Settings;

/**
 * Plugins that are classes of the class path; Elasticsearch itself takes them from folders. It is in this package because
 * the constructor of LoadedPlugin is.
 */
public final class ClassPathPlugins extends PluginsService {
    private final List<LoadedPlugin> all = new ArrayList<>();

    public ClassPathPlugins(Settings settings, Path config, List<Class<? extends Plugin>> classes) {
        super(settings, config, new PluginsLoader(Set.of(), Set.of(), Map.of()));
        for (Class<? extends Plugin> c : classes) {
            PluginDescriptor d = new PluginDescriptor(c.getSimpleName(), "-", "1", Build.current().version(), "21", c.getName(), null,
                List.of(), false, false, false, false, PluginDescriptor.DeploymentTarget.ALL);
            all.add(new LoadedPlugin(d, loadPlugin(c, settings, config), c.getClassLoader()));
        }
        loadExtensions(all);
    }

    @Override
    protected List<LoadedPlugin> plugins() {
        return all;
    }

    @Override
    public PluginsAndModules info() {
        return new PluginsAndModules(List.of(), List.of());
    }

    @Override
    public <T> List<? extends T> loadServiceProviders(Class<T> service) {
        return ServiceLoader.load(service, getClass().getClassLoader()).stream().map(this::provide).toList();
    }

    /** Makes a provider, with its plugin where the constructor asks for one. */
    private <T> T provide(ServiceLoader.Provider<T> provider) {
        for (Constructor<?> c : provider.type().getConstructors()) {
            if (c.getParameterCount() != 1) {
                continue;
            }
            for (LoadedPlugin p : all) {
                if (c.getParameterTypes()[0].isInstance(p.instance())) {
                    try {
                        return provider.type().cast(c.newInstance(p.instance()));
                    } catch (ReflectiveOperationException e) {
                        throw new IllegalStateException(e);
                    }
                }
            }
        }
        return provider.get();
    }
}
