package org.elasticsearch.xpack.security;

import java.util.List;

import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.plugins.ActionPlugin.ActionHandler;

/**
 * Security without SAML and OpenID Connect, whose libraries are not on Maven Central. It is in this package because
 * Elasticsearch lets no other one intercept requests.
 */
public final class SecurityWithoutSingleSignOn extends Security {
    public SecurityWithoutSingleSignOn(Settings settings) {
        super(settings);
    }

    @Override
    public List<ActionHandler> getActions() {
        return super.getActions().stream().filter(a -> {
            String name = a.getTransportAction().getName();
            return name.contains("Saml") == false && name.contains("OpenIdConnect") == false;
        }).toList();
    }
}
