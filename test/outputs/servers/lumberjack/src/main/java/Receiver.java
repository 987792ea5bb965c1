import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.camel.Exchange;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.main.Main;

/** {@code Receiver PORT FILE} appends each event that arrives on 127.0.0.1 to a file, one JSON object a line. */
public final class Receiver extends RouteBuilder {
    private final String port;
    private final PrintStream out;
    private final ObjectMapper json = new ObjectMapper();

    private Receiver(String port, PrintStream out) {
        this.port = port;
        this.out = out;
    }

    @Override
    public void configure() {
        from("lumberjack:127.0.0.1:" + port).process(this::append);
    }

    private synchronized void append(Exchange exchange) throws JsonProcessingException {
        out.println(json.writeValueAsString(exchange.getIn().getBody()));
    }

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(new FileOutputStream(args[1], true), true, StandardCharsets.UTF_8);
        Main main = new Main();
        main.configure().addRoutesBuilder(new Receiver(args[0], out));
        main.run();
    }
}
