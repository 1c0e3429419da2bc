import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.apache.maven.model.Model;
import org.apache.maven.model.io.xpp3.MavenXpp3Reader;

/**
 * Has Maven's own reader read POMs, as Maven reads those of dependencies. From standard input: each document after its
 * length in four bytes. To standard output: a line for each, `refused` and why, or `read` and its texts, in hex.
 */
public class PomOracle {
    public static void main(String[] arguments) throws Exception {
        DataInputStream in = new DataInputStream(System.in);
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        for (int count = in.readInt(); count > 0; count--) {
            byte[] document = new byte[in.readInt()];
            in.readFully(document);
            out.println(answer(document));
        }
        out.flush();
    }

    private static String answer(byte[] document) {
        try {
            Model model = new MavenXpp3Reader().read(new ByteArrayInputStream(document), false);
            String[] texts = {
                model.getGroupId(), model.getArtifactId(), model.getVersion(), model.getPackaging(),
                model.getName(), model.getUrl(), model.getDescription(),
            };
            StringBuilder line = new StringBuilder("read");
            for (String text : texts) {
                line.append(' ').append(text == null ? "-" : "=" + hex(text));
            }
            return line.append(' ').append(model.getDependencies().size()).toString();
        } catch (Exception error) {
            return "refused " + String.valueOf(error.getMessage()).replaceAll("\\s+", " ");
        }
    }

    private static String hex(String text) {
        StringBuilder hex = new StringBuilder();
        for (byte each : text.getBytes(StandardCharsets.UTF_8)) {
            hex.append(String.format("%02x", each));
        }
        return hex.toString();
    }
}
