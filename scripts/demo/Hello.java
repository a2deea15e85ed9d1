import java.time.ZonedDateTime;

public class Hello {
    public static void main(String[] arguments) {
        System.out.println("Hello from f3s, on Java " + Runtime.version().feature() + ", at " + ZonedDateTime.now());
    }
}
