package bench;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.Stores;

/**
 * The engine job on Kafka Streams: per customer the count, the total and the last ten ids.
 *
 * <p>The job runs once to warm the JVM, on an application id of its own, and then once more in the
 * same JVM, which is what is measured: CPU of the whole process from the start of the streams until
 * they have committed and closed.
 */
public final class Accounts {

    /** One source record; the text that makes it long is not read. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record Purchase(String id, long amount) {}

    /** State of one customer. */
    public record Account(long count, long total, List<String> recent) {
        Account after(Purchase purchase) {
            int kept = Math.min(recent.size(), RECENT - 1);
            List<String> ids = new ArrayList<>(kept + 1);
            ids.addAll(recent.subList(recent.size() - kept, recent.size()));
            ids.add(purchase.id());
            return new Account(count + 1, total + purchase.amount(), ids);
        }
    }

    private static final int RECENT = 10;
    private static final Account NONE = new Account(0, 0, List.of());
    private static final ObjectMapper JSON =
            new ObjectMapper().configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);

    private Accounts() {}

    /** Arguments: broker, source topic, application id, number of records, guarantee, batch. */
    public static void main(String[] arguments) throws Exception {
        String broker = arguments[0];
        String source = arguments[1];
        String application = arguments[2];
        long count = Long.parseLong(arguments[3]);
        String guarantee = arguments[4];
        int batch = Integer.parseInt(arguments[5]);
        run(settings(broker, application + "-warm", guarantee, batch), source, count);
        System.gc();
        var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        long cpu = system.getProcessCpuTime();
        long wall = System.nanoTime();
        run(settings(broker, application, guarantee, batch), source, count);
        System.out.printf(
                Locale.ROOT,
                "{\"cpu_seconds\": %.4f, \"wall_seconds\": %.4f}%n",
                (system.getProcessCpuTime() - cpu) / 1e9,
                (System.nanoTime() - wall) / 1e9);
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private static void run(Properties settings, String source, long count) throws Exception {
        var left = new AtomicLong(count);
        var done = new CountDownLatch(1);
        var builder = new StreamsBuilder();
        builder.stream(source, Consumed.with(Serdes.ByteArray(), of(Purchase.class)))
                .groupByKey(Grouped.with(Serdes.ByteArray(), of(Purchase.class)))
                .aggregate(
                        () -> NONE,
                        (key, purchase, account) -> {
                            if (left.decrementAndGet() == 0) {
                                done.countDown();
                            }
                            return account.after(purchase);
                        },
                        Materialized.<byte[], Account>as(Stores.inMemoryKeyValueStore("accounts"))
                                .withKeySerde(Serdes.ByteArray())
                                .withValueSerde(of(Account.class))
                                .withCachingEnabled()
                                .withLoggingEnabled(Map.of()));
        try (var streams = new KafkaStreams(builder.build(), settings)) {
            streams.setUncaughtExceptionHandler(
                    error -> {
                        error.printStackTrace();
                        Runtime.getRuntime().halt(1);
                        return StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse
                                .SHUTDOWN_CLIENT;
                    });
            streams.start();
            if (!done.await(2, TimeUnit.MINUTES)) {
                throw new IllegalStateException("not done in two minutes");
            }
            streams.close(Duration.ofSeconds(30));
        }
    }

    private static Properties settings(String broker, String application, String guarantee, int batch)
            throws IOException {
        var settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, broker);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, guarantee);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        // The cache keeps what a commit interval changes, so that each row is logged once in it.
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256L << 20);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1_000);
        settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 2 * batch);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(
                StreamsConfig.STATE_DIR_CONFIG,
                Files.createTempDirectory("bench-").toAbsolutePath().toString());
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), batch);
        settings.put(
                StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG),
                4 << 20);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.ACKS_CONFIG), "all");
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG), true);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 50);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 512 << 10);
        return settings;
    }

    private static <T> Serde<T> of(Class<T> type) {
        ObjectReader reader = JSON.readerFor(type);
        ObjectWriter writer = JSON.writerFor(type);
        Serializer<T> serializer =
                (topic, value) -> {
                    try {
                        return value == null ? null : writer.writeValueAsBytes(value);
                    } catch (IOException error) {
                        throw new UncheckedIOException(error);
                    }
                };
        Deserializer<T> deserializer =
                (topic, bytes) -> {
                    try {
                        return bytes == null ? null : reader.readValue(bytes);
                    } catch (IOException error) {
                        throw new UncheckedIOException(error);
                    }
                };
        return Serdes.serdeFrom(serializer, deserializer);
    }
}
