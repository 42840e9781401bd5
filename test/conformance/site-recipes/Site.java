import java.util.List;
import java.util.Map;
import javax.servlet.http.HttpServlet;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.servlet.ServletContextHandler;
import org.eclipse.jetty.servlet.ServletHolder;
import org.springframework.core.MethodParameter;
import org.springframework.http.CacheControl;
import org.springframework.http.ResponseEntity;
import org.springframework.http.converter.json.MappingJackson2HttpMessageConverter;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.bind.support.WebDataBinderFactory;
import org.springframework.web.context.request.NativeWebRequest;
import org.springframework.web.context.support.GenericWebApplicationContext;
import org.springframework.web.method.support.HandlerMethodArgumentResolver;
import org.springframework.web.method.support.ModelAndViewContainer;
import org.springframework.web.servlet.DispatcherServlet;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerAdapter;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;

/**
 * A site made with Spring MVC around the recipe of the manual, which takes the place of the line below. Spring Security
 * is not there: its annotation and what it resolves (the user of the session, or null) have a stand-in.
 */
public class Site {
  @java.lang.annotation.Retention(java.lang.annotation.RetentionPolicy.RUNTIME)
  @interface AuthenticationPrincipal {}

  record ShopUser(Long id) {
    Long getId() {
      return id;
    }
  }

  // RECIPE

  static final class UserOfSession implements HandlerMethodArgumentResolver {
    @Override
    public boolean supportsParameter(MethodParameter parameter) {
      return parameter.hasParameterAnnotation(AuthenticationPrincipal.class);
    }

    @Override
    public Object resolveArgument(
        MethodParameter parameter,
        ModelAndViewContainer container,
        NativeWebRequest request,
        WebDataBinderFactory binders) {
      var session = request.getNativeRequest(HttpServletRequest.class).getSession(false);
      return session == null ? null : session.getAttribute("user");
    }
  }

  static final class SignIn extends HttpServlet {
    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) {
      request.getSession().setAttribute("user", new ShopUser(Long.valueOf(request.getParameter("id"))));
      response.setStatus(204);
    }
  }

  static final class SignOut extends HttpServlet {
    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) {
      request.getSession().invalidate();
      response.setStatus(204);
    }
  }

  public static void main(String[] args) throws Exception {
    var spring = new GenericWebApplicationContext();
    spring.getBeanFactory().registerSingleton("whoAmI", new WhoAmI());
    spring.refresh();
    var mapping = new RequestMappingHandlerMapping();
    mapping.setApplicationContext(spring);
    var adapter = new RequestMappingHandlerAdapter();
    adapter.setMessageConverters(List.of(new MappingJackson2HttpMessageConverter()));
    adapter.setCustomArgumentResolvers(List.of(new UserOfSession()));
    adapter.setApplicationContext(spring);
    adapter.setBeanFactory(spring.getBeanFactory());
    adapter.afterPropertiesSet();
    mapping.afterPropertiesSet();
    spring.getBeanFactory().registerSingleton("mapping", mapping);
    spring.getBeanFactory().registerSingleton("adapter", adapter);
    var site = new ServletContextHandler(ServletContextHandler.SESSIONS);
    site.addServlet(new ServletHolder(new SignIn()), "/sign-in");
    site.addServlet(new ServletHolder(new SignOut()), "/sign-out");
    site.addServlet(new ServletHolder(new DispatcherServlet(spring)), "/");
    var server = new Server(new java.net.InetSocketAddress("127.0.0.1", Integer.parseInt(System.getenv("PORT"))));
    server.setHandler(site);
    server.start();
    server.join();
  }
}
